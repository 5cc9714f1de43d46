package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.sandbox.SeccompMode;
import io.vmferry.streams.compression.BlockCodec;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.testing.Fuzz;
import io.vmferry.streams.testing.Mutator;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.CompressedHeader;
import io.vmferry.streams.wire.CompressionAlgorithm;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.GuestOwner;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.MigrationKey;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import org.apache.pekko.stream.javadsl.Sink;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Every reader of a peer's bytes, over real sockets, from a peer that sends what is almost right:
 * frames that are changed, cut, twice, missing or in another order.
 */
@Timeout(3600)
class PeerFuzzIT {
  private static final Extensions ALL = Extensions.known();
  private static final MigrationKey KEY = new MigrationKey(1, 2);
  private static final int CASES = 1_000;

  @AutoClose private static final StreamSystem streams = new StreamSystem("PeerFuzzIT");
  @AutoClose private final HostilePeer peer = new HostilePeer();
  @AutoClose private final TwoHosts hosts = TwoHosts.ofThreeRegions();
  private final GuestMemory memory = hosts.destination();
  private final GuestPages pages = GuestPages.of(memory);

  /** What reads. */
  private interface Reader {
    void read(Connection connection, Random random) throws Exception;
  }

  /** What would be good input. */
  private interface Good {
    List<byte[]> frames(Random random);
  }

  private void fuzz(Good good, Reader reader) throws Exception {
    Fuzz.of(PeerFuzzIT.class, CASES)
        .refusedWith(IOException.class)
        .run(
            random -> {
              Connection connection = peer.send(HostilePeer.bad(random, good.frames(random)));
              try (connection) {
                reader.read(connection, random);
              } catch (SyscallException e) {
                throw new AssertionError("the kernel was asked for it", e);
              }
            });
  }

  @Test
  void pageFaults() throws Exception {
    fuzz(
        PeerFuzzIT::pageFaultFrames,
        (connection, random) ->
            new FaultServing(
                    connection,
                    memory,
                    FaultServing.servedPages(memory),
                    random.nextBoolean() ? Extensions.NONE : ALL,
                    null,
                    bytes -> {})
                .run());
  }

  private static List<byte[]> pageFaultFrames(Random random) {
    List<byte[]> frames = new ArrayList<>();
    for (int i = random.nextInt(20); i > 0; i--) {
      frames.add(bytes(random.nextBoolean() ? Request.pageFault() : Request.prefault()));
      frames.add(range(random.nextInt(4096) * 4096L, random.nextInt(9) == 0 ? 2 << 20 : 4096));
    }
    frames.add(bytes(Request.filled()));
    return frames;
  }

  @Test
  void answersToPageFaults() throws Exception {
    fuzz(
        random -> {
          List<byte[]> frames = new ArrayList<>();
          for (int i = random.nextInt(20); i > 0; i--) {
            Extensions agreed = random.nextBoolean() ? Extensions.NONE : ALL;
            frames.add(bytes(Response.page(random.nextInt(4) == 0 ? 0 : 4096, agreed)));
            if (agreed.equals(ALL)) {
              frames.add(range(random.nextInt(8) * 4096L, 4096));
            }
            frames.add(new byte[4096]);
          }
          return frames;
        },
        (connection, random) -> {
          try (ArrivingPages arriving = arriving()) {
            FaultConnection faults =
                new FaultConnection(
                    connection, arriving, random.nextBoolean() ? Extensions.NONE : ALL);
            CompletionStage<Void> finished =
                faults.start(Sandbox.of(SeccompMode.ERRNO), "faults", true);
            faults.demand(new Gpa(random.nextInt(4096) * 4096L));
            await(finished);
          }
        });
  }

  private ArrivingPages arriving() throws IOException {
    return new ArrivingPages(
        memory, new MappedPages(), new PresentBitmap(pages.count()), ArrivalListener.NONE);
  }

  @Test
  void pushedPages() throws Exception {
    fuzz(
        random -> {
          List<byte[]> frames = memoryFrames(random);
          frames.add(bytes(Request.of(Command.PUSHED)));
          return frames;
        },
        (connection, random) -> {
          try (ArrivingPages arriving = arriving()) {
            new PushReceiving(connection, memory, arriving, ALL).run();
          }
        });
  }

  @Test
  void memory() throws Exception {
    fuzz(
        random -> {
          List<byte[]> frames = memoryFrames(random);
          frames.addAll(compressedFrames(random));
          return frames;
        },
        (connection, random) -> {
          Extensions agreed = random.nextInt(4) == 0 ? Extensions.NONE : ALL;
          MemoryReceiver receiver = new MemoryReceiver(memory, agreed, bytes -> {});
          ByteBuffer header = ByteBuffer.allocateDirect(16);
          for (Request request = receiver.readRequest(connection, header);
              request != null;
              request = receiver.readRequest(connection, header)) {
            receiver.receiveOnly(connection, request);
          }
        });
  }

  private static List<byte[]> memoryFrames(Random random) {
    List<byte[]> frames = new ArrayList<>();
    for (int i = random.nextInt(4); i > 0; i--) {
      int ranges = 1 + random.nextInt(4);
      boolean zeros = random.nextBoolean();
      frames.add(bytes(zeros ? Request.memoryZero(ranges) : Request.memory(ranges)));
      for (int j = 0; j < ranges; j++) {
        frames.add(range(random.nextInt(4096) * 4096L, 4096));
      }
      frames.add(new byte[zeros ? 0 : ranges * 4096]);
    }
    return frames;
  }

  private static List<byte[]> compressedFrames(Random random) {
    boolean zstd = random.nextBoolean();
    CompressionAlgorithm how = zstd ? CompressionAlgorithm.ZSTD : CompressionAlgorithm.LZ4;
    ByteBuffer raw = ByteBuffer.allocateDirect(8192);
    ByteBuffer packed = ByteBuffer.allocateDirect(8192);
    byte[] block;
    try (BlockCodec codec = BlockCodec.of(how)) {
      block = new byte[codec.compress(raw, packed)];
    }
    packed.get(block);
    ByteBuffer header = ByteBuffer.allocate(8);
    new CompressedHeader(how, 8192).encode(header);
    ByteBuffer length = ByteBuffer.allocate(4).order(WireFormat.ORDER);
    return List.of(
        bytes(Request.memoryCompressed(2)),
        header.array(),
        range(0, 4096),
        range(1 << 20, 4096),
        length.putInt(0, block.length).array(),
        block);
  }

  @Test
  void questionsOnAResumeConnection() throws Exception {
    ByteBuffer key = ByteBuffer.allocate(16);
    KEY.encode(key);
    fuzz(
        random ->
            List.of(
                bytes(Request.of(Command.IDENTIFY, 16)),
                key.array(),
                bytes(Request.of(Command.OWNER)),
                bytes(Request.of(Command.MISSING)),
                bytes(Request.of(Command.OWNER))),
        (connection, random) -> new ResumeServing(connection, ALL, new Answers(), () -> {}).run());
  }

  private final class Answers implements ResumeServing.Answers {
    private final PresentBitmap present = new PresentBitmap(pages.count());

    @Override
    public boolean knows(MigrationKey key) {
      return key.equals(KEY);
    }

    @Override
    public GuestOwner owner() {
      return GuestOwner.DESTINATION;
    }

    @Override
    public PresentBitmap present() {
      return present;
    }

    @Override
    public GuestPages pages() {
      return pages;
    }
  }

  @Test
  void missingPages() throws Exception {
    fuzz(
        random -> {
          List<byte[]> ranges = new ArrayList<>();
          for (int i = random.nextInt(6); i > 0; i--) {
            ranges.add(range(random.nextInt(4096) * 4096L, (1 + random.nextInt(4)) * 4096L));
          }
          return ranges;
        },
        (connection, random) -> {
          long length =
              random.nextInt(3) == 0 ? new Mutator(random).number() : random.nextInt(6) * 16L;
          MissingRanges.read(connection, length, memory);
        });
  }

  @Test
  void heartbeats() throws Exception {
    fuzz(
        random -> List.of(bytes(Request.of(Command.ALIVE)), bytes(Request.of(Command.ALIVE))),
        (connection, random) -> Heartbeat.answer(connection, Duration.ofSeconds(5)));
  }

  @Test
  void commands() throws Exception {
    fuzz(
        PeerFuzzIT::migration,
        (connection, random) -> {
          Extensions taken = random.nextInt(3) == 0 ? Extensions.NONE : ALL;
          await(
              InboundCommands.source(connection)
                  .runWith(
                      Sink.<Inbound>foreach(event -> answer(event, taken)),
                      streams.materializer()));
        });
  }

  private static List<byte[]> migration(Random random) {
    byte[] json = "{\"a\":1}".getBytes(StandardCharsets.US_ASCII);
    List<byte[]> frames = new ArrayList<>();
    frames.add(bytes(Request.start(ALL)));
    frames.add(bytes(Request.of(Command.IDENTIFY, 16)));
    frames.add(new byte[16]);
    frames.add(bytes(Request.of(Command.CONFIG, json.length)));
    frames.add(json);
    frames.addAll(memoryFrames(random));
    frames.addAll(compressedFrames(random));
    frames.add(bytes(Request.discard(1)));
    frames.add(range(0, 8192));
    frames.add(bytes(Request.of(Command.STATE, json.length)));
    frames.add(json);
    frames.add(bytes(Request.of(Command.COMPLETE)));
    frames.add(bytes(Request.of(Command.SETTLED)));
    return frames;
  }

  private void answer(Inbound event, Extensions taken) throws Exception {
    if (event instanceof Inbound.Start start) {
      start.reply(Response.ok(taken));
    } else if (event instanceof Inbound.Config config) {
      config.accept(memory, bytes -> {});
    } else if (event instanceof Inbound.Discard discard) {
      try {
        MissingPages.none(memory).add(discard.pages());
        discard.reply(Response.ok());
      } catch (IOException e) {
        discard.reply(Response.error());
      }
    } else if (event instanceof Inbound.Question question) {
      question.reply(Response.ok());
    } else if (event instanceof Inbound.Closed closed
        && !(closed.cause() instanceof IOException && !isSyscall(closed.cause()))) {
      throw new AssertionError(closed.cause());
    }
  }

  private static boolean isSyscall(Throwable cause) {
    return cause instanceof SyscallException;
  }

  private static void await(CompletionStage<?> stage) throws Exception {
    try {
      stage.toCompletableFuture().get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Exception cause) {
        throw cause;
      }
      throw e;
    }
  }

  private static byte[] bytes(Request request) {
    ByteBuffer frame = ByteBuffer.allocate(16);
    request.encode(frame);
    return frame.array();
  }

  private static byte[] bytes(Response response) {
    ByteBuffer frame = ByteBuffer.allocate(16);
    response.encode(frame);
    return frame.array();
  }

  private static byte[] range(long gpa, long length) {
    ByteBuffer frame = ByteBuffer.allocate(16);
    new MemoryRange(gpa, length).encode(frame);
    return frame.array();
  }
}
