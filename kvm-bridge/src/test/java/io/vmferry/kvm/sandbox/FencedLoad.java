package io.vmferry.kvm.sandbox;

import io.vmferry.kvm.memory.DirectBuffers;
import io.vmferry.kvm.testing.FatalThread;
import java.io.File;
import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The JVM of {@link FencedLoadIT}: a fenced thread for each role, in the mode that kills, does what
 * is hard on a JVM until the time is over. Argument: seconds. Prints what was done.
 */
final class FencedLoad {
  private static final int GARBAGE_BYTES = 4 << 20;

  static volatile @Nullable Object sink;

  private final long deadline;
  private final ServerSocketChannel server =
      ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
  private final BlockingQueue<SocketChannel> connections = new LinkedBlockingQueue<>();
  private final BlockingQueue<SocketChannel> readers = new LinkedBlockingQueue<>();
  private final BlockingQueue<SocketChannel> closing = new LinkedBlockingQueue<>();
  private final BlockingQueue<SocketChannel> closers = new LinkedBlockingQueue<>();
  private final AtomicLong exceptions = new AtomicLong();
  private final AtomicLong classes = new AtomicLong();
  private final AtomicLong messages = new AtomicLong();
  private final AtomicLong closes = new AtomicLong();

  private FencedLoad(long seconds) throws IOException {
    this.deadline = System.nanoTime() + seconds * 1_000_000_000L;
  }

  public static void main(String[] arguments) throws Exception {
    new FencedLoad(Long.parseLong(arguments[0])).run();
  }

  private void run() throws Exception {
    List<Thread> fenced = new ArrayList<>();
    for (SandboxRole role : SandboxRole.values()) {
      fenced.add(
          FatalThread.start(
              role.name(),
              () -> {
                Seccomp.confine(role, SeccompMode.KILL);
                load();
              }));
    }
    FatalThread.start("connections", this::makeConnections);
    for (Thread thread : fenced) {
      thread.join();
    }
    System.out.printf(
        "done exceptions=%d classes=%d messages=%d closes=%d collections=%d compiled-ms=%d%n",
        exceptions.get(),
        classes.get(),
        messages.get(),
        closes.get(),
        ManagementFactory.getGarbageCollectorMXBeans().stream()
            .mapToLong(GarbageCollectorMXBean::getCollectionCount)
            .sum(),
        ManagementFactory.getCompilationMXBean().getTotalCompilationTime());
  }

  private void load() throws Exception {
    while (System.nanoTime() < deadline) {
      allocate();
      fail();
      loadClasses();
      communicate();
      closeUnderAReader();
      LockSupport.parkNanos(100_000);
    }
  }

  private static void allocate() {
    for (int i = 0; i < 8; i++) {
      sink = new byte[GARBAGE_BYTES];
      sink = ByteBuffer.allocateDirect(GARBAGE_BYTES);
    }
  }

  /** An implicit one, which is a signal; one that is thrown; and the end of the stack. */
  private void fail() {
    Object nothing = null;
    try {
      sink = nothing.toString();
    } catch (NullPointerException e) {
      exceptions.incrementAndGet();
    }
    try {
      throw new IllegalStateException("text " + exceptions);
    } catch (IllegalStateException e) {
      sink = e.getStackTrace();
      exceptions.incrementAndGet();
    }
    try {
      sink = deeper(0);
    } catch (StackOverflowError e) {
      exceptions.incrementAndGet();
    }
  }

  private static long deeper(long depth) {
    return depth < 0 ? 0 : deeper(depth + 1) + 1;
  }

  /** Loads classes from their files, and has one compiled and thrown away with its loader. */
  private void loadClasses() throws Exception {
    try (URLClassLoader loader = new URLClassLoader(classPath(), null)) {
      for (String name : List.of("com.sun.jna.Structure", "io.vmferry.kvm.memory.PageSize")) {
        sink = loader.loadClass(name).getDeclaredMethods();
        classes.incrementAndGet();
      }
      LongUnaryOperator hot =
          (LongUnaryOperator)
              loader.loadClass(Hot.class.getName()).getDeclaredConstructor().newInstance();
      long value = 0;
      for (int i = 0; i < 30_000; i++) {
        value = hot.applyAsLong(value);
      }
      sink = value;
    }
  }

  private static URL[] classPath() throws Exception {
    List<URL> urls = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      urls.add(Path.of(entry).toUri().toURL());
    }
    return urls.toArray(URL[]::new);
  }

  /** Compiled anew for each loader. */
  public static final class Hot implements LongUnaryOperator {
    private final List<Long> seen = new ArrayList<>();

    @Override
    public long applyAsLong(long value) {
      if (seen.size() > 100) {
        seen.clear();
      }
      seen.add(value);
      return value * 31 + seen.size();
    }
  }

  private void communicate() throws Exception {
    ByteBuffer eight = DirectBuffers.allocate(8);
    try (SocketChannel echoed = connections.take()) {
      for (int i = 0; i < 20; i++) {
        echoed.write(eight.clear());
        eight.clear();
        while (eight.hasRemaining() && echoed.read(eight) >= 0) {
          // until all is back
        }
        messages.incrementAndGet();
      }
    }
  }

  /** Both ways round: a fenced thread that closes what another waits on, and one that waits. */
  private void closeUnderAReader() throws Exception {
    readers.put(connections.take());
    Files.readString(Path.of("/proc/self/status"));
    SocketChannel read = closing.take();
    read.close();
    closes.incrementAndGet();
    SocketChannel closed = connections.take();
    closers.put(closed);
    try {
      int unused = closed.read(DirectBuffers.allocate(8));
    } catch (ClosedChannelException e) {
      closes.incrementAndGet(); // under the read, or before it
    }
  }

  /** What the fenced threads may not do themselves. */
  private void makeConnections() throws Exception {
    FatalThread.start("reader", this::readOnAndOn);
    FatalThread.start("closer", this::closeOnAndOn);
    while (true) {
      SocketChannel here = SocketChannel.open(server.getLocalAddress());
      SocketChannel there = server.accept();
      FatalThread.start("echo", () -> echo(there));
      while (connections.size() > 4) {
        LockSupport.parkNanos(100_000);
      }
      connections.put(here);
    }
  }

  private void readOnAndOn() throws Exception {
    while (true) {
      SocketChannel channel = readers.take();
      closing.put(channel);
      try {
        int unused = channel.read(DirectBuffers.allocate(8));
      } catch (IOException e) {
        // that is what it is for
      }
    }
  }

  private void closeOnAndOn() throws Exception {
    while (true) {
      SocketChannel channel = closers.take();
      LockSupport.parkNanos(200_000);
      channel.close();
    }
  }

  private static void echo(SocketChannel channel) throws IOException {
    ByteBuffer eight = DirectBuffers.allocate(8);
    try (channel) {
      while (channel.read(eight.clear()) > 0) {
        channel.write(eight.flip());
      }
    }
  }
}
