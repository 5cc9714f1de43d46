package io.vmferry.streams.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Frames byte by byte as the protocol page has them, not as this code writes them. */
class GoldenFramesTest {

  static Stream<Arguments> requests() {
    return Stream.of(
        Arguments.of(
            Request.start(Extensions.NONE), "01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(
            Request.of(Command.CONFIG, 0x1234), "02 00 00 00 00 00 00 00 34 12 00 00 00 00 00 00"),
        Arguments.of(
            Request.of(Command.STATE, 0x0a0b0c0d),
            "03 00 00 00 00 00 00 00 0d 0c 0b 0a 00 00 00 00"),
        Arguments.of(Request.memory(3), "04 00 00 00 00 00 00 00 30 00 00 00 00 00 00 00"),
        Arguments.of(
            Request.of(Command.COMPLETE), "05 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(
            Request.of(Command.ABANDON), "06 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(Request.memoryFd(), "07 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00"),
        Arguments.of(
            Request.of(Command.COMPLETE_PAUSED), "08 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(Request.pageFault(), "09 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00"),
        Arguments.of(
            Request.start(new Extensions(0x8040_2010)),
            "01 00 00 00 10 20 40 80 00 00 00 00 00 00 00 00"),
        Arguments.of(
            Request.start(Extensions.of(Extension.ZERO_RANGES)),
            "01 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(
            Request.start(Extensions.of(Extension.ZERO_RANGES, Extension.PUSH)),
            "01 00 00 00 11 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(
            new Request(Command.START, 0xfedc, Extensions.NONE, 0),
            "01 00 dc fe 00 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(
            Request.of(Command.STATE, -1L), "03 00 00 00 00 00 00 00 ff ff ff ff ff ff ff ff"));
  }

  @ParameterizedTest
  @MethodSource("requests")
  void writesAndReadsEveryRequest(Request request, String golden) throws Exception {
    ByteBuffer buffer = ByteBuffer.allocate(16);

    request.encode(buffer);

    assertEquals(golden, Bytes.hex(buffer.flip()));
    assertEquals(golden, Bytes.hex(request.encode().asByteBuffer()));
    assertEquals(request, Request.decode(Bytes.of(golden)));
    assertEquals(request, Request.decode(request.encode()));
  }

  static Stream<Arguments> extensionRequests() {
    return Stream.of(
        Arguments.of(
            Extension.ZERO_RANGES,
            Request.memoryZero(3),
            "00 80 00 00 00 00 00 00 30 00 00 00 00 00 00 00"),
        Arguments.of(
            Extension.COMPRESSED,
            Request.memoryCompressed(3),
            "01 80 00 00 00 00 00 00 38 00 00 00 00 00 00 00"),
        Arguments.of(
            Extension.PUSH,
            Request.of(Command.PUSHED),
            "10 80 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(
            Extension.PUSH, Request.filled(), "11 80 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(
            Extension.HYBRID,
            Request.discard(3),
            "20 80 00 00 00 00 00 00 30 00 00 00 00 00 00 00"),
        Arguments.of(
            Extension.RECOVERY,
            Request.of(Command.IDENTIFY, WireFormat.KEY_BYTES),
            "30 80 00 00 00 00 00 00 10 00 00 00 00 00 00 00"),
        Arguments.of(
            Extension.RECOVERY,
            Request.of(Command.SETTLED),
            "31 80 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(
            Extension.RECOVERY,
            Request.of(Command.OWNER),
            "32 80 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(
            Extension.RECOVERY,
            Request.of(Command.MISSING),
            "33 80 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(
            Extension.HEARTBEAT,
            Request.of(Command.ALIVE),
            "40 80 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(
            Extension.PREFAULT,
            Request.prefault(),
            "50 80 00 00 00 00 00 00 10 00 00 00 00 00 00 00"));
  }

  @ParameterizedTest
  @MethodSource("extensionRequests")
  void readsARequestOfAnExtensionOnlyWhereItWasAgreed(
      Extension extension, Request request, String golden) throws Exception {
    Extensions agreed = Extensions.of(extension);
    Extensions others = new Extensions(~agreed.bits());

    assertEquals(golden, Bytes.hex(request.encode().asByteBuffer()));
    assertEquals(request, Request.decode(Bytes.of(golden), agreed));
    assertThrows(ProtocolException.class, () -> Request.decode(Bytes.of(golden)));
    assertThrows(ProtocolException.class, () -> Request.decode(Bytes.of(golden), others));
  }

  @Test
  void writesAndReadsACompressedHeader() throws Exception {
    CompressedHeader zstd = new CompressedHeader(CompressionAlgorithm.ZSTD, 0x4_0000);
    CompressedHeader lz4 = new CompressedHeader(CompressionAlgorithm.LZ4, 0x10_0000);
    ByteBuffer buffer = ByteBuffer.allocate(16);

    zstd.encode(buffer);
    lz4.encode(buffer);

    assertEquals("01 00 00 00 00 00 04 00 02 00 00 00 00 00 10 00", Bytes.hex(buffer.flip()));
    assertEquals(zstd, CompressedHeader.decode(buffer));
    assertEquals(lz4, CompressedHeader.decode(buffer));
    assertEquals(zstd, CompressedHeader.decode(Bytes.of("01 ff ff ff 00 00 04 00")));
  }

  @Test
  void theGoldenFramesNameEveryCommand() {
    Set<Command> named = EnumSet.noneOf(Command.class);
    requests().forEach(frame -> named.add(((Request) frame.get()[0]).command()));
    extensionRequests().forEach(frame -> named.add(((Request) frame.get()[1]).command()));

    assertEquals(EnumSet.allOf(Command.class), named);
  }

  static Stream<Arguments> responses() {
    return Stream.of(
        Arguments.of(Response.ok(), "01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(Response.error(), "02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(
            Response.ok(Extensions.of(Extension.ZERO_RANGES)),
            "01 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00"),
        Arguments.of(
            Response.ok(new Extensions(0x0102_0304)),
            "01 00 00 00 04 03 02 01 00 00 00 00 00 00 00 00"),
        Arguments.of(
            Response.page(4096, Extensions.NONE),
            "01 00 00 00 00 00 00 00 00 10 00 00 00 00 00 00"),
        Arguments.of(
            Response.page(4096, Extensions.of(Extension.NAMED_ANSWERS)),
            "01 00 00 00 00 00 00 00 10 10 00 00 00 00 00 00"),
        Arguments.of(
            Response.page(1L << 30, Extensions.NONE),
            "01 00 00 00 00 00 00 00 00 00 00 40 00 00 00 00"));
  }

  @ParameterizedTest
  @MethodSource("responses")
  void writesAndReadsEveryResponse(Response response, String golden) throws Exception {
    ByteBuffer buffer = ByteBuffer.allocate(16);

    response.encode(buffer);

    assertEquals(golden, Bytes.hex(buffer.flip()));
    assertEquals(golden, Bytes.hex(response.encode().asByteBuffer()));
    assertEquals(response, Response.decode(Bytes.of(golden)));
    assertEquals(response, Response.decode(response.encode()));
  }

  @Test
  void writesAndReadsRolesAndRanges() throws Exception {
    MemoryRange range = new MemoryRange(0x1_0000_2000L, 0x20_0000L);

    assertEquals("01 00", Bytes.hex(ConnectionRole.PRECOPY_MEMORY.encode().asByteBuffer()));
    assertEquals("02 00", Bytes.hex(ConnectionRole.FAULT.encode().asByteBuffer()));
    assertEquals("03 00", Bytes.hex(ConnectionRole.PUSH.encode().asByteBuffer()));
    assertEquals("05 00", Bytes.hex(ConnectionRole.HEARTBEAT.encode().asByteBuffer()));
    assertEquals(ConnectionRole.HEARTBEAT, ConnectionRole.decode(Bytes.of("05 00")));
    assertEquals("04 00", Bytes.hex(ConnectionRole.RESUME.encode().asByteBuffer()));
    assertEquals(ConnectionRole.RESUME, ConnectionRole.decode(Bytes.of("04 00")));
    assertEquals(ConnectionRole.PUSH, ConnectionRole.decode(Bytes.of("03 00")));
    assertEquals(ConnectionRole.PRECOPY_MEMORY, ConnectionRole.decode(Bytes.of("01 00")));
    assertEquals(ConnectionRole.FAULT, ConnectionRole.decode(Bytes.of("02 00")));
    assertEquals(
        "00 20 00 00 01 00 00 00 00 00 20 00 00 00 00 00",
        Bytes.hex(range.encode().asByteBuffer()));
    assertEquals(
        range, MemoryRange.decode(Bytes.of("00 20 00 00 01 00 00 00 00 00 20 00 00 00 00 00")));
  }

  @Test
  void writesAndReadsKeysAndOwners() throws Exception {
    MigrationKey key = new MigrationKey(0x0102_0304_0506_0708L, -1);
    ByteBuffer buffer = ByteBuffer.allocate(24);

    key.encode(buffer);
    GuestOwner.SOURCE.encode(buffer);

    assertEquals(
        "08 07 06 05 04 03 02 01 ff ff ff ff ff ff ff ff 02 00 00 00 00 00 00 00",
        Bytes.hex(buffer.flip()));
    assertEquals(key, MigrationKey.decode(buffer));
    assertEquals(GuestOwner.SOURCE, GuestOwner.decode(buffer));
    assertThrows(ProtocolException.class, () -> GuestOwner.of(0));
    assertThrows(ProtocolException.class, () -> GuestOwner.of(4));
    assertFalse(key.toString().contains("1"), "a key must not get into a log");
  }

  @Test
  void writesAndReadsARangeTable() throws Exception {
    List<MemoryRange> ranges =
        List.of(new MemoryRange(0, 0xa0000), new MemoryRange(0x1_0000_0000L, 4096));
    String golden =
        "00 00 00 00 00 00 00 00 00 00 0a 00 00 00 00 00 "
            + "00 00 00 00 01 00 00 00 00 10 00 00 00 00 00 00";
    ByteBuffer buffer = ByteBuffer.allocateDirect(32);

    MemoryRangeTable.encode(ranges, buffer);
    MemoryRangeTable table = MemoryRangeTable.decode(Bytes.of(golden));

    assertEquals(golden, Bytes.hex(buffer.flip()));
    assertEquals(ranges, table.ranges());
    assertEquals(2, table.count());
    assertEquals(0x1_0000_0000L, table.gpa(1));
    assertEquals(4096, table.length(1));
    assertEquals(0xa1000, table.totalBytes());
    assertThrows(IndexOutOfBoundsException.class, () -> table.gpa(2));
  }

  @Test
  void appendsTheSameRangeInEitherByteOrder() {
    for (ByteOrder order : List.of(ByteOrder.BIG_ENDIAN, ByteOrder.LITTLE_ENDIAN)) {
      ByteBuffer buffer = ByteBuffer.allocate(16).order(order);

      MemoryRangeTable.append(0x1122_3344_5566L, 0x2000, buffer);

      assertEquals("66 55 44 33 22 11 00 00 00 20 00 00 00 00 00 00", Bytes.hex(buffer.flip()));
    }
  }

  @Test
  void leavesTheBufferBehindTheFrameInWhateverByteOrderItHad() throws Exception {
    ByteBuffer buffer =
        Bytes.of("05 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 aa")
            .order(ByteOrder.LITTLE_ENDIAN);

    Request.decode(buffer);

    assertEquals(16, buffer.position());
    assertEquals(1, buffer.remaining());
    assertEquals(ByteOrder.LITTLE_ENDIAN, buffer.order());
  }

  @Test
  void ignoresReservedBytes() throws Exception {
    assertEquals(
        Request.of(Command.COMPLETE),
        Request.decode(Bytes.of("05 00 ff ee dd cc bb aa 00 00 00 00 00 00 00 00")));
    assertEquals(
        Response.ok(new Extensions(0xccbbaa99)),
        Response.decode(Bytes.of("01 00 ff ee 99 aa bb cc 00 00 00 00 00 00 00 00")));
  }
}
