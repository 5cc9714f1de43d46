package io.vmferry.daemon.faults;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** One connection through a {@link FaultProxy}: a thread for each direction. */
final class Link implements Closeable {
  private final FaultProxy proxy;
  private final Endpoint source;
  private final Endpoint destination;
  private final boolean main;
  private final Exchange exchange = new Exchange();
  private final AtomicBoolean oneEnded = new AtomicBoolean();

  Link(FaultProxy proxy, Endpoint source, Endpoint destination, boolean main) {
    this.proxy = proxy;
    this.source = source;
    this.destination = destination;
    this.main = main;
  }

  /** From the source to the destination. */
  void forth() throws IOException, InterruptedException {
    FrameReader reader = new FrameReader(source, exchange);
    Direction direction = new Direction(Side.SOURCE, destination);
    direction.run(
        () -> {
          Carrier carrier = main ? Carrier.MAIN : role(reader, direction);
          // Only now: the destination does not speak first.
          Direction back = new Direction(Side.DESTINATION, source);
          proxy.spawn("proxy-back", () -> back.run(() -> pump(carrier, back, reader(destination))));
          pump(carrier, direction, reader);
        });
  }

  private FrameReader reader(Endpoint from) {
    return new FrameReader(from, exchange);
  }

  private Carrier role(FrameReader reader, Direction direction)
      throws IOException, InterruptedException {
    Frame role = reader.role();
    direction.pass(role);
    return role.kind() == null ? Carrier.OTHER : role.kind().carrier();
  }

  private void pump(Carrier carrier, Direction direction, FrameReader reader)
      throws IOException, InterruptedException {
    boolean requests = carrier.asks(direction.from);
    while (true) {
      @Nullable Frame frame = requests ? reader.request(carrier) : reader.answer(carrier);
      if (frame == null) {
        return;
      }
      try {
        direction.pass(frame);
      } finally {
        frame.close();
      }
    }
  }

  @Override
  public void close() throws IOException {
    try {
      source.close();
    } finally {
      destination.close();
    }
  }

  /** One way through the link. */
  private final class Direction {
    private final Side from;
    private final Endpoint to;
    // What comes is read and dropped.
    private boolean deaf;
    private boolean ended;

    Direction(Side from, Endpoint to) {
      this.from = from;
      this.to = to;
    }

    /** Ends as TCP does: the other direction goes on until its own end. */
    void run(FaultProxy.Step step) throws IOException, InterruptedException {
      try {
        step.run();
        endOutput();
      } catch (IOException e) {
        close();
      }
      if (!oneEnded.compareAndSet(false, true)) {
        close();
      }
    }

    void pass(Frame frame) throws IOException, InterruptedException {
      if (deaf) {
        return;
      }
      MessageKind kind = frame.kind();
      Trap trap = kind == null ? null : proxy.springs(kind);
      if (trap != null) {
        spring(frame, trap);
      } else {
        write(frame, 0, frame.bytes().length);
      }
      proxy.passed();
    }

    private void spring(Frame frame, Trap trap) throws IOException, InterruptedException {
      Random random = new Random(trap.seed());
      int length = frame.bytes().length;
      switch (trap.fault()) {
        case FLIP_HEADER -> {
          flip(frame, 0, frame.pagesFrom(), random);
          write(frame, 0, length);
        }
        case FLIP_PAGES -> {
          flip(frame, frame.pagesFrom(), length, random);
          write(frame, 0, length);
        }
        case DUPLICATE -> {
          write(frame, 0, length);
          write(frame, 0, length);
        }
        case REFUSE -> {
          source.write(Response.error().encode().asByteBuffer());
          deaf = true;
        }
        default -> {
          int until = until(trap.place(), frame, random);
          write(frame, 0, until);
          strike(trap);
          write(frame, until, length);
        }
      }
    }

    private void strike(Trap trap) throws IOException, InterruptedException {
      switch (trap.fault()) {
        case CUT -> close();
        case CUT_ALL -> proxy.cutAll();
        case HALF_CLOSE -> {
          endOutput();
          deaf = true;
        }
        default -> proxy.wait(trap);
      }
    }

    private void endOutput() throws IOException {
      if (!ended) {
        ended = true;
        to.endOutput();
      }
    }

    private int until(Place place, Frame frame, Random random) {
      int length = frame.bytes().length;
      return switch (place) {
        case BEFORE -> 0;
        case AFTER -> length;
        case MIDDLE -> {
          // Among the pages, if it brings any: they are what a cut leaves half done.
          int first = frame.pagesFrom() < length ? frame.pagesFrom() : 0;
          yield first + 1 + random.nextInt(length - first - 1);
        }
      };
    }

    private void flip(Frame frame, int first, int end, Random random) {
      if (first == end) {
        throw new IllegalStateException("nothing to flip in " + frame.kind());
      }
      int at = first + random.nextInt(end - first);
      // Reserved bytes are ignored: a flip there tells nothing.
      if (end >= WireFormat.REQUEST_BYTES && at >= 2 && at < 4) {
        at = 8;
      }
      frame.bytes()[at] ^= (byte) (1 << random.nextInt(Byte.SIZE));
    }

    private void write(Frame frame, int first, int end) throws IOException {
      if (deaf || first == end) {
        return;
      }
      OwnedFd descriptor = frame.descriptor();
      int header = frame.headerBytes();
      if (descriptor == null || end <= header) {
        to.write(ByteBuffer.wrap(frame.bytes(), first, end - first));
        return;
      }
      if (first < header) {
        to.write(ByteBuffer.wrap(frame.bytes(), first, header - first));
      }
      // Invariant: the descriptor goes beside the first byte behind the header, and only once.
      int from = Math.max(first, header);
      ByteBuffer payload = ByteBuffer.wrap(frame.bytes(), from, end - from);
      if (from == header) {
        to.write(payload, descriptor);
      } else {
        to.write(payload);
      }
    }
  }
}
