package io.vmferry.daemon.e2e;

import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.WireFormat;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A TCP proxy between a source and a destination that reads the frames and breaks one of them.
 *
 * <p>The first connection is the main one; every other says its role. A {@link Trap} names the
 * command at which something happens, counted over all connections, or the answer to a page fault.
 */
final class WireProxy implements AutoCloseable {
  /** What happens to the frame that a trap names. */
  enum Action {
    /** The frame and what follows on its connection wait for {@link #release}. */
    HOLD,
    /** Every connection is closed instead; for a page of postcopy, only the one it comes on. */
    CUT,
    /** The frame goes on; every connection is closed in place of its answer. */
    LOSE_ANSWER,
    /** The answer waits for {@link #release}, and is lost then with its connection. */
    HOLD_ANSWER,
    /** The source gets an error answer; the destination never sees the frame. */
    REFUSE,
    /** One bit of the byte at a guest physical address is flipped, wherever it passes. */
    FLIP
  }

  /**
   * Where something happens.
   *
   * @param nth from 1; ignored by FLIP
   * @param gpa for FLIP: the byte
   */
  record Trap(Command command, int nth, Action action, long gpa) {
    static Trap at(Command command, int nth, Action action) {
      return new Trap(command, nth, action, 0);
    }

    static Trap flip(long gpa) {
      return new Trap(Command.MEMORY, 0, Action.FLIP, gpa);
    }
  }

  private static final int BUFFER_BYTES = 1 << 20;
  private static final int PAGE_BYTES = 4096;
  private static final int PAGE_FAULT_ROLE = 2;
  private static final int PUSH_ROLE = 3;
  // Among the pages asked for: the end of the fault connection, whose answer has no page.
  private static final long END = -1;

  private final ServerSocket server;
  private final InetSocketAddress target;
  private final Trap trap;
  private final Map<Command, AtomicInteger> seen = new EnumMap<>(Command.class);
  private final List<Socket> sockets = new CopyOnWriteArrayList<>();
  private final List<Thread> threads = new CopyOnWriteArrayList<>();
  private final CountDownLatch sprung = new CountDownLatch(1);
  private final CountDownLatch released = new CountDownLatch(1);
  private final AtomicInteger flips = new AtomicInteger();
  private volatile boolean closed;

  /**
   * Listens at once.
   *
   * @param targetUrl {@code tcp:host:port} of the destination
   */
  WireProxy(String targetUrl, Trap trap) throws IOException {
    int port = Integer.parseInt(targetUrl.substring(targetUrl.lastIndexOf(':') + 1));
    this.target = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    this.trap = trap;
    for (Command command : Command.values()) {
      seen.put(command, new AtomicInteger());
    }
    this.server = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
    spawn("proxy-accept", this::acceptAll);
  }

  /** What the source is to dial. */
  String url() {
    return "tcp:127.0.0.1:" + server.getLocalPort();
  }

  /** Waits until the trap has sprung. */
  void awaitSprung() throws InterruptedException {
    if (!sprung.await(60, TimeUnit.SECONDS)) {
      throw new AssertionError(trap + " never sprang; seen " + seen);
    }
  }

  /** Lets a held frame go on. */
  void release() {
    released.countDown();
  }

  /** Bits flipped so far. */
  int flips() {
    return flips.get();
  }

  /** Commands of a kind that passed or sprang the trap. */
  int seen(Command command) {
    return seen.get(command).get();
  }

  @Override
  public void close() throws IOException {
    closed = true;
    released.countDown();
    server.close();
    cutAll();
    try {
      for (Thread thread : threads) {
        thread.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void cutAll() throws IOException {
    for (Socket socket : sockets) {
      socket.close();
    }
  }

  private void acceptAll() throws IOException {
    boolean main = true;
    while (!closed) {
      Socket source = own(server.accept());
      Socket destination = own(new Socket());
      try {
        destination.connect(target);
      } catch (ConnectException e) {
        // The destination's process has ended; another may listen there later.
        source.close();
        continue;
      }
      source.setTcpNoDelay(true);
      destination.setTcpNoDelay(true);
      Link link = new Link(source, destination, main);
      spawn("proxy-forth", link::forth);
      main = false;
    }
  }

  private Socket own(Socket socket) throws IOException {
    sockets.add(socket);
    if (closed) {
      socket.close();
    }
    return socket;
  }

  private void spawn(String name, Step step) {
    Thread thread =
        new Thread(
            () -> {
              try {
                step.run();
              } catch (IOException | InterruptedException e) {
                // A closed connection: how every link ends.
              }
            },
            name);
    thread.setDaemon(true);
    threads.add(thread);
    thread.start();
  }

  /** A step of a proxy thread. */
  private interface Step {
    void run() throws IOException, InterruptedException;
  }

  /** One connection through the proxy. */
  private final class Link {
    private final Socket source;
    private final Socket destination;
    private final boolean main;
    private final Queue<Long> asked = new ConcurrentLinkedQueue<>();
    private final byte[] buffer = new byte[BUFFER_BYTES];
    private volatile boolean answerIsLost;
    private volatile boolean answerIsHeld;
    private boolean bringsPages;

    Link(Socket source, Socket destination, boolean main) {
      this.source = source;
      this.destination = destination;
      this.main = main;
    }

    /** From the source to the destination; ends by closing both. */
    void forth() throws IOException, InterruptedException {
      try (source;
          destination) {
        InputStream in = source.getInputStream();
        OutputStream out = destination.getOutputStream();
        boolean fault = false;
        if (!main) {
          byte[] role = exactly(in, WireFormat.ROLE_BYTES);
          fault = role[0] == PAGE_FAULT_ROLE;
          bringsPages = fault || role[0] == PUSH_ROLE;
          out.write(role);
        }
        if (fault) {
          spawn("proxy-faults", this::faults);
          answersToFaults(in, out);
        } else {
          spawn("proxy-back", this::back);
          requests(in, out);
        }
      }
    }

    private void requests(InputStream in, OutputStream out)
        throws IOException, InterruptedException {
      while (true) {
        byte[] header = exactly(in, WireFormat.REQUEST_BYTES);
        ByteBuffer frame = ByteBuffer.wrap(header).order(WireFormat.ORDER);
        Command command = Command.of(Short.toUnsignedInt(frame.getShort(0)), Extensions.known());
        long length = frame.getLong(8);
        if (!passes(command)) {
          return;
        }
        out.write(header);
        if (command == Command.MEMORY) {
          memory(in, out, (int) length);
        } else {
          copy(in, out, length);
        }
        out.flush();
      }
    }

    private void memory(InputStream in, OutputStream out, int tableBytes) throws IOException {
      byte[] bytes = exactly(in, tableBytes);
      out.write(bytes);
      ByteBuffer table = ByteBuffer.wrap(bytes).order(WireFormat.ORDER);
      while (table.hasRemaining()) {
        copyRange(in, out, table.getLong(), table.getLong());
      }
    }

    /** False if the trap has ended the link. */
    private boolean passes(Command command) throws IOException, InterruptedException {
      int nth = seen.get(command).incrementAndGet();
      if (trap.action() == Action.FLIP || command != trap.command() || nth != trap.nth()) {
        return true;
      }
      switch (trap.action()) {
        case HOLD -> {
          sprung.countDown();
          released.await();
        }
        case CUT -> {
          if (bringsPages) {
            source.close();
            destination.close();
          } else {
            cutAll();
          }
          sprung.countDown();
          return false;
        }
        case LOSE_ANSWER -> answerIsLost = true;
        case HOLD_ANSWER -> answerIsHeld = true;
        case REFUSE -> {
          byte[] error = new byte[WireFormat.RESPONSE_BYTES];
          error[0] = 2;
          source.getOutputStream().write(error);
          sprung.countDown();
          // The source closes; what it sends until then goes nowhere.
          source.getInputStream().transferTo(OutputStream.nullOutputStream());
          return false;
        }
        case FLIP -> throw new IllegalStateException();
      }
      return true;
    }

    /** Answers from the destination. */
    private void back() throws IOException, InterruptedException {
      try (source;
          destination) {
        InputStream in = destination.getInputStream();
        OutputStream out = source.getOutputStream();
        while (true) {
          byte[] answer = exactly(in, WireFormat.RESPONSE_BYTES);
          if (answerIsLost) {
            cutAll();
            sprung.countDown();
            return;
          }
          if (answerIsHeld) {
            sprung.countDown();
            released.await();
            return;
          }
          out.write(answer);
          copy(in, out, ByteBuffer.wrap(answer).order(WireFormat.ORDER).getLong(8));
        }
      }
    }

    /** Page requests from the destination. */
    private void faults() throws IOException {
      try (source;
          destination) {
        InputStream in = destination.getInputStream();
        OutputStream out = source.getOutputStream();
        while (true) {
          byte[] header = exactly(in, WireFormat.REQUEST_BYTES);
          if (ByteBuffer.wrap(header).order(WireFormat.ORDER).getLong(8) == 0) {
            asked.add(END);
            out.write(header);
          } else {
            byte[] page = exactly(in, WireFormat.RANGE_BYTES);
            asked.add(ByteBuffer.wrap(page).order(WireFormat.ORDER).getLong());
            out.write(ByteBuffer.allocate(32).put(header).put(page).array());
          }
        }
      }
    }

    /** Pages from the source, in the order they were asked for. */
    private void answersToFaults(InputStream in, OutputStream out)
        throws IOException, InterruptedException {
      while (true) {
        byte[] answer = exactly(in, WireFormat.RESPONSE_BYTES);
        long length = ByteBuffer.wrap(answer).order(WireFormat.ORDER).getLong(8);
        long page = asked.remove();
        if (!passes(page == END ? Command.FILLED : Command.PAGE_FAULT)) {
          return;
        }
        out.write(answer);
        if (page != END) {
          int named = (int) (length % PAGE_BYTES); // its range, where that was agreed
          copy(in, out, named);
          copyRange(in, out, page, length - named);
        }
      }
    }

    private void copy(InputStream in, OutputStream out, long bytes) throws IOException {
      for (long left = bytes; left > 0; ) {
        int read = in.read(buffer, 0, (int) Math.min(left, buffer.length));
        if (read < 0) {
          throw new EOFException();
        }
        out.write(buffer, 0, read);
        left -= read;
      }
    }

    private void copyRange(InputStream in, OutputStream out, long gpa, long bytes)
        throws IOException {
      long offset = trap.gpa() - gpa;
      if (trap.action() != Action.FLIP || offset < 0 || offset >= bytes) {
        copy(in, out, bytes);
        return;
      }
      copy(in, out, offset);
      out.write(exactly(in, 1)[0] ^ 1);
      flips.incrementAndGet();
      sprung.countDown();
      copy(in, out, bytes - offset - 1);
    }

    private byte[] exactly(InputStream in, int bytes) throws IOException {
      byte[] read = in.readNBytes(bytes);
      if (read.length < bytes) {
        throw new EOFException();
      }
      return read;
    }
  }
}
