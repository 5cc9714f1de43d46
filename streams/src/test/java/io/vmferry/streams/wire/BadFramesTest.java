package io.vmferry.streams.wire;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.List;
import org.apache.pekko.util.ByteString;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class BadFramesTest {

  @Test
  void refusesEveryTruncatedFrameAndLeavesTheBufferAlone() {
    for (int size = 0; size < 16; size++) {
      ByteBuffer cut = ByteBuffer.allocate(size);
      assertThrows(ProtocolException.class, () -> Request.decode(cut));
      assertThrows(ProtocolException.class, () -> Response.decode(cut));
      assertThrows(ProtocolException.class, () -> MemoryRange.decode(cut));
      assertEquals(0, cut.position());
    }
    assertThrows(ProtocolException.class, () -> ConnectionRole.decode(ByteBuffer.allocate(1)));
  }

  @Test
  void refusesMoreThanOneFrameInAByteString() {
    ByteString two = Request.of(Command.COMPLETE).encode().concat(ByteString.fromInts(0));

    assertThrows(ProtocolException.class, () -> Request.decode(two));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 10, 0x7fff, 0x8000, 0xffff})
  void refusesUnknownCommands(int value) {
    ByteBuffer frame = ByteBuffer.allocate(16).order(WireFormat.ORDER).putShort(0, (short) value);

    ProtocolException e = assertThrows(ProtocolException.class, () -> Request.decode(frame));

    assertEquals("Expected a command from 1 to 9 but got command " + value + ".", e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 3, 0x0100, 0xffff})
  void refusesUnknownStatusesAndRoles(int value) {
    ByteBuffer frame = ByteBuffer.allocate(16).order(WireFormat.ORDER).putShort(0, (short) value);

    assertThrows(ProtocolException.class, () -> Response.decode(frame));
    assertThrows(ProtocolException.class, () -> ConnectionRole.decode(frame));
  }

  @ParameterizedTest
  @EnumSource(Command.class)
  void refusesAHugeLengthOfEveryCommand(Command command) {
    for (long length : new long[] {1L << 60, Long.MIN_VALUE, -16, 1L << 32, (1L << 32) + 16}) {
      Request request = Request.of(command, length);
      assertThrows(ProtocolException.class, () -> WireLimits.check(request), request.toString());
    }
  }

  @Test
  void acceptsExactlyTheDocumentedLengths() throws Exception {
    assertEquals(0, WireLimits.check(Request.start(Extensions.NONE)));
    assertEquals(4, WireLimits.check(Request.memoryFd()));
    assertEquals(16, WireLimits.check(Request.pageFault()));
    assertEquals(16 << 20, WireLimits.check(Request.of(Command.CONFIG, 16 << 20)));
    assertEquals(256 << 20, WireLimits.check(Request.of(Command.STATE, 256 << 20)));
    assertEquals(256 << 20, WireLimits.check(Request.memory(16 << 20)));
    assertRefused(new Request(Command.START, 0, Extensions.NONE, 1));
    assertRefused(Request.of(Command.COMPLETE, 1));
    assertRefused(Request.of(Command.COMPLETE_PAUSED, 1));
    assertRefused(Request.of(Command.ABANDON, 1));
    assertRefused(Request.of(Command.MEMORY_FD, 0));
    assertRefused(Request.of(Command.MEMORY_FD, 8));
    assertRefused(Request.of(Command.PAGE_FAULT, 32));
    assertRefused(Request.of(Command.PREFAULT, 0));
    assertRefused(Request.of(Command.CONFIG, (16 << 20) + 1));
    assertRefused(Request.of(Command.STATE, (256 << 20) + 1));
    assertEquals(256 << 20, WireLimits.check(Request.memoryZero(16 << 20)));
    assertRefused(Request.of(Command.MEMORY_ZERO, 17));
    assertRefused(Request.of(Command.DISCARD, 17));
    assertRefused(Request.of(Command.DISCARD, (256 << 20) + 16));
    assertRefused(Request.of(Command.MEMORY_ZERO, (256 << 20) + 16));
    assertEquals((256 << 20) + 8, WireLimits.check(Request.memoryCompressed(16 << 20)));
    assertRefused(Request.of(Command.MEMORY_COMPRESSED, 0));
    assertRefused(Request.of(Command.MEMORY_COMPRESSED, 16));
    assertRefused(Request.of(Command.MEMORY_COMPRESSED, (256 << 20) + 24));
    assertRefused(Request.of(Command.MEMORY, 17));
    assertRefused(Request.of(Command.MEMORY, (256 << 20) + 16));
  }

  private static void assertRefused(Request request) {
    assertThrows(ProtocolException.class, () -> WireLimits.check(request), request.toString());
  }

  @Test
  void boundsARangeTableByTheGuest() throws Exception {
    assertEquals(32, WireLimits.checkTable(Request.memory(2), 8192));
    assertThrows(ProtocolException.class, () -> WireLimits.checkTable(Request.memory(3), 8192));
    assertThrows(ProtocolException.class, () -> WireLimits.checkTable(Request.memoryZero(3), 8192));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "00 00 00 00 00 00 04 00", // no algorithm
        "03 00 00 00 00 00 04 00", // an unknown one
        "01 00 00 00 00 00 00 00", // empty blocks
        "01 00 00 00 01 00 10 00", // more than 1 MiB
        "01 00 00 00 00 00 00 80", // negative
        "01 00 00 00 00 00 04" // cut short
      })
  void refusesBadCompressedHeaders(String header) {
    assertThrows(ProtocolException.class, () -> CompressedHeader.decode(Bytes.of(header)));
  }

  @Test
  void refusesRangesThatWrapAround() {
    ByteBuffer wraps = Bytes.of("00 f0 ff ff ff ff ff ff 01 10 00 00 00 00 00 00");

    assertThrows(ProtocolException.class, () -> MemoryRange.decode(wraps.duplicate()));
    assertThrows(ProtocolException.class, () -> MemoryRangeTable.decode(wraps.duplicate()));
    assertThrows(IllegalArgumentException.class, () -> new MemoryRange(-4096, 4097));
    assertDoesNotThrow(() -> new MemoryRange(-4096, 4096));
  }

  @Test
  void refusesTablesOfBrokenSizeOrSum() {
    ByteBuffer half = ByteBuffer.allocate(24);
    ByteBuffer sum = ByteBuffer.allocate(48).order(WireFormat.ORDER);
    for (int i = 0; i < 3; i++) {
      sum.putLong(0).putLong(1L << 62);
    }

    assertThrows(ProtocolException.class, () -> MemoryRangeTable.decode(half));
    assertThrows(ProtocolException.class, () -> MemoryRangeTable.decode(sum.flip()));
  }

  @Test
  void readsAnEmptyTable() throws Exception {
    MemoryRangeTable table = MemoryRangeTable.decode(ByteBuffer.allocate(0));

    assertEquals(0, table.count());
    assertEquals(0, table.totalBytes());
  }

  @Test
  void acceptsOnlyAlignedPagesOfKnownSizes() throws Exception {
    WireLimits.checkPage(new MemoryRange(0x3000, 4096));
    WireLimits.checkPage(new MemoryRange(0x20_0000, 2 << 20));
    WireLimits.checkPage(new MemoryRange(1L << 32, 1 << 30));
    for (MemoryRange bad :
        new MemoryRange[] {
          new MemoryRange(0x3001, 4096),
          new MemoryRange(0x3000, 2 << 20),
          new MemoryRange(0, 0),
          new MemoryRange(0, 8192),
          new MemoryRange(0, 1L << 60)
        }) {
      assertThrows(ProtocolException.class, () -> WireLimits.checkPage(bad), bad.toString());
    }
  }

  @Test
  void acceptsOnlyTheWholePageOrNothingAsAnAnswer() throws Exception {
    for (Extensions agreed : List.of(Extensions.NONE, Extensions.of(Extension.NAMED_ANSWERS))) {
      WireLimits.checkPageAnswer(Response.page(0, agreed), 4096, agreed);
      WireLimits.checkPageAnswer(Response.page(4096, agreed), 4096, agreed);
      WireLimits.checkPageAnswer(Response.error(), 4096, agreed);
      for (Response bad :
          new Response[] {
            Response.page(4095, agreed),
            Response.page(1L << 60, agreed),
            Response.payload(Long.MAX_VALUE),
            Response.payload(-1),
            new Response(Status.ERROR, Extensions.NONE, 16),
            new Response(Status.ERROR, Extensions.NONE, 4096)
          }) {
        assertPageAnswerRefused(bad, agreed);
      }
    }
  }

  @Test
  void anAnswerWithoutItsRangeIsRefusedWhereThatWasAgreed() {
    Extensions none = Extensions.NONE;
    Extensions named = Extensions.of(Extension.NAMED_ANSWERS);

    assertPageAnswerRefused(Response.page(0, none), named);
    assertPageAnswerRefused(Response.page(4096, none), named);
    assertPageAnswerRefused(Response.page(0, named), none);
    assertPageAnswerRefused(Response.page(4096, named), none);
  }

  private static void assertPageAnswerRefused(Response bad, Extensions agreed) {
    assertThrows(
        ProtocolException.class,
        () -> WireLimits.checkPageAnswer(bad, 4096, agreed),
        bad.toString());
  }

  @Test
  void onlyAPageFaultsAnswerMayAnnounceBytes() throws Exception {
    assertEquals(Response.ok(), Response.ok().requireEmpty(Command.CONFIG));
    assertThrows(ProtocolException.class, () -> Response.payload(1).requireEmpty(Command.CONFIG));
  }

  @Test
  void refusesToBuildHeadersThatDoNotExist() {
    Extensions none = Extensions.NONE;
    Extensions known = Extensions.known();

    assertThrows(IllegalArgumentException.class, () -> new Request(Command.CONFIG, 0, known, 0));
    assertThrows(IllegalArgumentException.class, () -> new Request(Command.CONFIG, 1, none, 0));
    assertThrows(IllegalArgumentException.class, () -> new Request(Command.START, 65536, none, 0));
  }

  @Test
  void saysWhatWasExpectedWhatCameAndWhere() {
    ProtocolException e = new ProtocolException("x", "y").inState("STARTED").atOffset(32);

    assertEquals("Expected x but got y in state STARTED at stream offset 32.", e.getMessage());
    assertTrue(e.state().equals("STARTED") && e.offset() == 32);
  }

  @ParameterizedTest
  @EnumSource(Command.class)
  void additionalConnectionsCarryTheirOwnCommandsOnly(Command command) {
    assertEquals(
        command == Command.MEMORY
            || command == Command.MEMORY_ZERO
            || command == Command.MEMORY_COMPRESSED,
        ConnectionRole.PRECOPY_MEMORY.carries(command));
    assertEquals(
        command == Command.PAGE_FAULT
            || command == Command.PREFAULT
            || command == Command.ABANDON
            || command == Command.FILLED,
        ConnectionRole.FAULT.carries(command));
    assertEquals(
        command == Command.MEMORY
            || command == Command.MEMORY_ZERO
            || command == Command.ALIVE
            || command == Command.PUSHED,
        ConnectionRole.PUSH.carries(command));
  }
}
