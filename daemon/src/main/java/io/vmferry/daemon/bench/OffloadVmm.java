package io.vmferry.daemon.bench;

import io.vmferry.daemon.bench.RunFigures.Faults;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * The VMM that a snapshot of one slot is restored into. No vCPU runs; what touches pages is a loop
 * that asks the daemon for each page that is not in the memory file yet, as a handler of
 * userfaultfd does.
 */
final class OffloadVmm implements AutoCloseable {
  private static final int PAGE_BYTES = 4096;
  // Requests of the walk under way at once.
  private static final int BATCH = 64;
  private static final long SEED = 20_261_127;

  private final Listener listener;
  private final ByteBuffer asks =
      ByteBuffer.allocateDirect(BATCH * (WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES));
  private final ByteBuffer answer = ByteBuffer.allocateDirect(WireFormat.RESPONSE_BYTES);
  private @Nullable Connection main;
  private @Nullable Connection faults;
  private @Nullable Memfd memory;
  private long startNanos;

  private OffloadVmm(Listener listener) {
    this.listener = listener;
  }

  static OffloadVmm listen(Path socket) throws IOException {
    return new OffloadVmm(Listener.bind(new MigrationUrl.Unix(socket)));
  }

  /**
   * Takes the guest.
   *
   * @param onDemand whether the daemon opens a connection for page faults
   * @return milliseconds since the daemon connected
   */
  double receive(boolean onDemand) throws IOException {
    Connection connected = listener.accept();
    main = connected;
    startNanos = System.nanoTime();
    RawDestination source = new RawDestination(connected);
    source.command(Command.START);
    source.ok(onDemand ? Extensions.of(Extension.PREFAULT) : Extensions.NONE);
    source.next(); // MemoryFd of the one slot
    memory = Memfd.adopt(source.descriptor());
    source.ok();
    source.command(Command.CONFIG);
    source.ok();
    if (onDemand) {
      faults = RawDestination.acceptFaults(listener);
    }
    source.command(Command.STATE);
    source.ok();
    source.command(Command.COMPLETE);
    source.ok();
    return sinceConnected();
  }

  private double sinceConnected() {
    return (System.nanoTime() - startNanos) / 1e6;
  }

  /**
   * What touching pages showed.
   *
   * @param millis from the connection to the last touch
   * @param waits pages that were not there
   */
  record Touched(double millis, @Nullable Faults waits) {}

  /** Touches one in so many pages, always the same, in a random order. */
  Touched touch(int oneIn) throws IOException {
    Memfd file = Objects.requireNonNull(memory);
    long pages = file.sizeBytes() / PAGE_BYTES;
    Random random = new Random(SEED);
    double[] waits = new double[(int) (pages / oneIn)];
    int count = 0;
    for (int i = 0; i < waits.length; i++) {
      long offset = random.nextLong(pages) * PAGE_BYTES;
      if (file.nextData(offset) != offset) {
        long start = System.nanoTime();
        asks.clear();
        ask(Request.pageFault(), offset);
        exchange(1);
        waits[count++] = (System.nanoTime() - start) / 1e3;
      }
    }
    double millis = sinceConnected();
    return new Touched(millis, count == 0 ? null : percentiles(Arrays.copyOf(waits, count)));
  }

  private static Faults percentiles(double[] micros) {
    Arrays.sort(micros);
    int last = micros.length - 1;
    return new Faults((long) micros.length, micros[last / 2], micros[(int) (last * 0.99)]);
  }

  /**
   * Asks for every page, as the background of a VMM does.
   *
   * @return milliseconds from the connection to the last answer
   */
  double fetchAll() throws IOException {
    long bytes = Objects.requireNonNull(memory).sizeBytes();
    for (long at = 0; at < bytes; ) {
      int batch = 0;
      for (asks.clear(); at < bytes && batch < BATCH; at += PAGE_BYTES, batch++) {
        ask(Request.prefault(), at);
      }
      exchange(batch);
    }
    return sinceConnected();
  }

  private void ask(Request request, long address) {
    request.encode(asks);
    new MemoryRange(address, PAGE_BYTES).encode(asks);
  }

  private void exchange(int answers) throws IOException {
    Connection connection = Objects.requireNonNull(faults);
    connection.writeFully(asks.flip());
    for (int i = 0; i < answers; i++) {
      connection.readFully(answer.clear());
      Response response = Response.decode(answer.flip());
      if (!response.isOk()) {
        throw new ProtocolException("a page", response.toString());
      }
    }
  }

  /** Closes the connections: it has every page that it wants. */
  void hangUp() {
    if (faults != null) {
      faults.close();
    }
    if (main != null) {
      main.close();
    }
  }

  @Override
  public void close() {
    hangUp();
    if (memory != null) {
      memory.close();
    }
    listener.close();
  }
}
