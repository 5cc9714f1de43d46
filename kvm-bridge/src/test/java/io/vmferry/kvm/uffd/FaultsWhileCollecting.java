package io.vmferry.kvm.uffd;

import io.vmferry.kvm.Hva;
import io.vmferry.kvm.event.Epoll;
import io.vmferry.kvm.event.EventFd;
import io.vmferry.kvm.memory.DirectBuffers;
import io.vmferry.kvm.memory.Mapping;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.socket.UnixConnection;
import io.vmferry.kvm.socket.UnixListener;
import io.vmferry.kvm.testing.FatalThread;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/**
 * The JVM of {@link SafepointHazardIT}: one thread touches missing pages in a certain way, another
 * serves the faults, a third collects garbage without pause, a fourth shows that Java still runs.
 *
 * <p>Arguments: the way to touch, the number of pages, a path for a socket. Prints {@code alive}
 * lines, then {@code done FAULTS COLLECTIONS}.
 */
final class FaultsWhileCollecting {
  private static final int PAGE = 4096;
  private static final long PATTERN = 0x5a5a_1234_8765_a5a5L;

  private final int pages;
  private final Path socket;
  private final AtomicBoolean running = new AtomicBoolean(true);
  private volatile long faults;

  private FaultsWhileCollecting(int pages, Path socket) {
    this.pages = pages;
    this.socket = socket;
  }

  public static void main(String[] arguments) throws Exception {
    new FaultsWhileCollecting(Integer.parseInt(arguments[1]), Path.of(arguments[2]))
        .run(arguments[0]);
  }

  private void run(String way) throws Exception {
    long size = (long) pages * PAGE;
    try (Memfd memfd = Memfd.create("guest", size, PageSize.KIB_4);
        Mapping guest = memfd.map(0, size);
        Uffd uffd = Uffd.open();
        EventFd stop = EventFd.create()) {
      uffd.register(guest.hva(), size, Set.of(Uffd.Mode.MISSING));
      Thread handler = FatalThread.start("handler", () -> serve(uffd, stop));
      Thread collector = FatalThread.start("collector", this::collect);
      FatalThread.start("alive", this::showLife);
      long before = collections();

      switch (way) {
        case "memcpy" -> copyOut(guest);
        case "tcp-write" -> overTcp(guest, true);
        case "tcp-read" -> overTcp(guest, false);
        case "unix-write" -> overUnix(guest, true);
        case "unix-read" -> overUnix(guest, false);
        case "bytebuffer" -> touchFromJava(guest);
        default -> throw new IllegalArgumentException(way);
      }

      running.set(false);
      stop.signal();
      handler.join();
      collector.join();
      System.out.println("done " + faults + " " + (collections() - before));
    }
  }

  private void copyOut(Mapping guest) {
    ByteBuffer eight = DirectBuffers.allocate(8);
    for (int i = 0; i < pages; i++) {
      guest.copyOut((long) i * PAGE, eight.clear());
      check(eight.getLong(0));
    }
  }

  /** What no other code of the project may do. */
  private void touchFromJava(Mapping guest) {
    ByteBuffer memory = guest.slice(0, pages * PAGE);
    for (int i = 0; i < pages; i++) {
      check(memory.getLong(i * PAGE));
    }
  }

  private void overTcp(Mapping guest, boolean write) throws Exception {
    try (ServerSocketChannel server =
        ServerSocketChannel.open()
            .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))) {
      try (SocketChannel one = SocketChannel.open(server.getLocalAddress());
          SocketChannel other = server.accept()) {
        transfer(guest, one, other, write);
      }
    }
  }

  private void overUnix(Mapping guest, boolean write) throws Exception {
    try (UnixListener listener = UnixListener.bind(socket);
        UnixConnection one = UnixConnection.connect(socket);
        UnixConnection other = listener.accept()) {
      transfer(guest, one, other, write);
    }
  }

  /** Sends every page out of the missing memory, or receives every page into it. */
  private void transfer(
      Mapping guest, WritableByteChannel one, ReadableByteChannel other, boolean write)
      throws Exception {
    Thread peer = FatalThread.start("peer", () -> play(one, other, write));
    for (int i = 0; i < pages; i++) {
      ByteBuffer page = guest.slice((long) i * PAGE, PAGE);
      while (page.hasRemaining()) {
        if ((write ? one.write(page) : other.read(page)) < 0) {
          throw new IOException("the peer has gone");
        }
      }
    }
    peer.join();
  }

  private void play(WritableByteChannel one, ReadableByteChannel other, boolean peerReads)
      throws IOException {
    ByteBuffer page = DirectBuffers.allocate(PAGE);
    for (int i = 0; i < pages; i++) {
      page.clear();
      while (page.hasRemaining()) {
        if ((peerReads ? other.read(page) : one.write(page)) < 0) {
          throw new IOException("the peer has gone");
        }
      }
      if (peerReads) {
        check(page.getLong(0));
      }
    }
  }

  private void serve(Uffd uffd, EventFd stop) throws IOException {
    try (Epoll epoll = Epoll.create();
        Mapping source = Mapping.anonymous(PAGE)) {
      source.slice(0, PAGE).putLong(0, PATTERN);
      epoll.add(uffd.fd(), Epoll.IN, 0);
      epoll.add(stop.fd(), Epoll.IN, 1);
      Epoll.Events events = new Epoll.Events(2);
      FaultBatch batch = new FaultBatch(16);
      long served = 0;
      while (running.get()) {
        epoll.await(events, -1);
        uffd.read(batch);
        for (int i = 0; i < batch.size(); i++) {
          uffd.copy(new Hva(batch.address(i)), source.address(), PAGE, true);
        }
        served += batch.size();
        faults = served;
      }
    }
  }

  private void collect() {
    while (running.get()) {
      System.gc();
      // Lets some faults start between two collections; without it they are served three by three.
      LockSupport.parkNanos(1_000_000);
    }
  }

  private void showLife() {
    while (running.get()) {
      System.out.println("alive " + faults);
      LockSupport.parkNanos(100_000_000);
    }
  }

  private static void check(long found) {
    if (found != PATTERN) {
      throw new IllegalStateException("read 0x" + Long.toHexString(found));
    }
  }

  private static long collections() {
    return ManagementFactory.getGarbageCollectorMXBeans().stream()
        .mapToLong(bean -> bean.getCollectionCount())
        .sum();
  }
}
