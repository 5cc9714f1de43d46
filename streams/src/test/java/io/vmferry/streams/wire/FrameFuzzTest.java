package io.vmferry.streams.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.testing.Fuzz;
import io.vmferry.streams.testing.Mutator;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Bytes that are almost frames, in every decoder. */
class FrameFuzzTest {
  /** One that makes something of bytes. */
  private interface Decoder {
    void decode(ByteBuffer from) throws ProtocolException;
  }

  private static final List<Decoder> DECODERS =
      List.of(
          FrameFuzzTest::request,
          FrameFuzzTest::response,
          FrameFuzzTest::range,
          FrameFuzzTest::table,
          FrameFuzzTest::compressed,
          from -> MigrationKey.decode(from),
          from -> GuestOwner.decode(from),
          from -> ConnectionRole.decode(from));

  @Test
  void everyDecoderTakesOrRefuses() throws Exception {
    Fuzz.of(FrameFuzzTest.class, 60_000)
        .refusedWith(ProtocolException.class)
        .allocating(1 << 20)
        .run(FrameFuzzTest::decodeSomething);
  }

  private static void decodeSomething(Random random) throws ProtocolException {
    Mutator mutator = new Mutator(random);
    byte[] bytes = random.nextInt(8) == 0 ? mutator.noise(64) : mutator.mutate(good(random));
    ByteBuffer from = ByteBuffer.wrap(bytes);
    if (random.nextBoolean()) {
      from = ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
    }
    DECODERS.get(random.nextInt(DECODERS.size())).decode(from);
  }

  private static byte[] good(Random random) {
    ByteBuffer frame = ByteBuffer.allocate(16 * 8);
    Command[] commands = Command.values();
    switch (random.nextInt(4)) {
      case 0 ->
          Request.of(commands[random.nextInt(commands.length)], random.nextInt(64)).encode(frame);
      case 1 -> Response.page(random.nextInt(8192), Extensions.NONE).encode(frame);
      case 2 ->
          new CompressedHeader(CompressionAlgorithm.ZSTD, 1 + random.nextInt(1 << 20))
              .encode(frame);
      default -> {
        for (int i = 1 + random.nextInt(8); i > 0; i--) {
          new MemoryRange(random.nextInt() & ~4095L, 4096).encode(frame);
        }
      }
    }
    byte[] bytes = new byte[frame.flip().remaining()];
    frame.get(bytes);
    return bytes;
  }

  private static void request(ByteBuffer from) throws ProtocolException {
    Request request = Request.decode(from, Extensions.known());
    ByteBuffer again = ByteBuffer.allocate(WireFormat.REQUEST_BYTES);
    request.encode(again);
    assertEquals(request, Request.decode(again.flip(), Extensions.known()));
    int length = WireLimits.check(request);
    assertEquals(request.length(), length);
    assertTrue(
        length <= WireLimits.RANGE_TABLE_BYTES + WireFormat.COMPRESSED_HEADER_BYTES
            || length <= WireLimits.STATE_BYTES,
        request.toString());
    assertTrue(WireLimits.checkTable(request, 1 << 30) <= (4 << 20) + 16, request.toString());
  }

  private static void response(ByteBuffer from) throws ProtocolException {
    Response response = Response.decode(from);
    WireLimits.checkPageAnswer(response, 4096, Extensions.NONE);
    assertTrue(response.length() == 0 || response.length() == 4096, response.toString());
  }

  private static void range(ByteBuffer from) throws ProtocolException {
    MemoryRange range = MemoryRange.decode(from);
    assertTrue(
        range.end() == 0 || Long.compareUnsigned(range.end(), range.gpa()) >= 0, range.toString());
    WireLimits.checkPage(range);
    assertEquals(0, range.gpa() % range.length(), range.toString());
  }

  private static void table(ByteBuffer from) throws ProtocolException {
    MemoryRangeTable table = MemoryRangeTable.decode(from);
    long sum = 0;
    for (MemoryRange range : table.ranges()) {
      assertTrue(range.length() >= 0, range.toString());
      sum = Math.addExact(sum, range.length());
    }
    assertEquals(table.totalBytes(), sum);
  }

  private static void compressed(ByteBuffer from) throws ProtocolException {
    int bytes = CompressedHeader.decode(from).blockBytes();
    assertTrue(bytes > 0 && bytes <= WireLimits.COMPRESSED_BLOCK_BYTES, bytes + " bytes");
  }
}
