package io.vmferry.streams.transfer;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a memory connection may bring, and what it may not. */
@Timeout(60)
class MemoryReceiverIT {
  @AutoClose private static final StreamSystem streams = new StreamSystem("MemoryReceiverIT");

  @AutoClose private final TwoHosts hosts = TwoHosts.ofThreeRegions();
  private final GuestMemory memory = hosts.destination();
  private Pair pair;
  private CompletionStage<ReceivedMemory> received;

  @BeforeEach
  void connect() throws IOException {
    pair = hosts.connect();
    receive(Extensions.NONE);
  }

  private void receive(Extensions agreed) {
    received =
        new MemoryReceiver(memory, agreed, bytes -> {})
            .receiveAll(pair.destination(), streams.materializer());
  }

  static Stream<Arguments> badTables() {
    return Stream.of(
        Arguments.of("outside", new long[] {Guests.LOW_BYTES, 4096}),
        Arguments.of("beyond the end", new long[] {Guests.LOW_BYTES - 4096, 8192}),
        Arguments.of("across two regions", new long[] {Guests.NEXT_BASE - 4096, 8192}),
        Arguments.of("wrapping", new long[] {-4096, 8192}),
        Arguments.of("empty", new long[] {0, 0}),
        Arguments.of("negative length", new long[] {4096, -4096}),
        Arguments.of("good first", new long[] {0, 4096, 1L << 50, 4096}),
        Arguments.of("sum too large", new long[] {0, Long.MAX_VALUE, 0, Long.MAX_VALUE}));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("badTables")
  void aBadTableIsRefusedBeforeAnyByteIsWritten(String name, long[] table) throws Exception {
    ByteBuffer frame = ByteBuffer.allocate(16 + table.length * 8);
    Request.memory(table.length / 2).encode(frame);
    for (int i = 0; i < table.length; i += 2) {
      MemoryRangeTable.append(table[i], table[i + 1], frame);
    }
    pair.source().writeFully(frame.flip());

    assertFalse(answer().isOk(), name);
    ProtocolException refused = assertInstanceOf(ProtocolException.class, failure());
    assertEquals(16, refused.offset());
    assertEquals(0, memory.regions().get(0).memfd().allocatedBytes());
  }

  @Test
  void scatteredPagesMakeNoHugepages() throws Exception {
    int pages = (int) (Guests.LOW_BYTES / (16 * Guests.PAGE));
    ByteBuffer frame = ByteBuffer.allocate(16 + pages * (16 + Guests.PAGE));
    Request.memory(pages).encode(frame);
    for (int i = 0; i < pages; i++) {
      MemoryRangeTable.append(i * 16L * Guests.PAGE, Guests.PAGE, frame);
    }
    for (int i = 0; i < pages; i++) {
      frame.putInt(frame.position(), i + 1).position(frame.position() + Guests.PAGE);
    }
    pair.source().writeFully(frame.flip());

    assertTrue(answer().isOk());
    for (int i = 0; i < pages; i++) {
      byte[] first = memory.read(new Gpa(i * 16L * Guests.PAGE), 4);
      assertEquals(i + 1, ByteBuffer.wrap(first).getInt());
    }
    assertEquals((long) pages * Guests.PAGE, memory.regions().get(0).memfd().allocatedBytes());
  }

  @Test
  void ofRangesThatOverlapTheLastCounts() throws Exception {
    ByteBuffer frame = ByteBuffer.allocate(16 + 2 * 16 + 300);
    Request.memory(2).encode(frame);
    MemoryRangeTable.append(10, 200, frame);
    MemoryRangeTable.append(150, 100, frame);
    for (int i = 0; i < 300; i++) {
      frame.put((byte) (i < 200 ? 1 : 2));
    }
    pair.source().writeFully(frame.flip());

    assertTrue(answer().isOk());
    byte[] bytes = memory.read(new Gpa(0), 260);
    for (int i = 0; i < bytes.length; i++) {
      assertEquals(i < 10 || i >= 250 ? 0 : i < 150 ? 1 : 2, bytes[i], "byte " + i);
    }
  }

  @ParameterizedTest
  @ValueSource(
      longs = {
        -16,
        15,
        16L << 40,
        16L * (Guests.LOW_BYTES + Guests.HIGH_BYTES + Guests.NEXT_BYTES)
      })
  void aTableOfAnImpossibleLengthIsRefused(long length) throws Exception {
    send(new Request(Command.MEMORY, 0, Extensions.NONE, length));

    assertFalse(answer().isOk());
    assertInstanceOf(ProtocolException.class, failure());
  }

  @ParameterizedTest
  @ValueSource(strings = {"START", "STATE", "COMPLETE", "ABANDON", "PAGE_FAULT"})
  void anyOtherCommandIsRefused(Command command) throws Exception {
    send(Request.of(command));

    assertFalse(answer().isOk());
    assertInstanceOf(ProtocolException.class, failure());
  }

  @Test
  void aCommandOfAnExtensionThatWasNotAgreedIsUnknown() throws Exception {
    send(Request.memoryZero(0));

    assertFalse(answer().isOk());
    ProtocolException refused = assertInstanceOf(ProtocolException.class, failure());
    assertEquals("a command from 1 to 9", refused.expected());
    assertEquals(0, refused.offset());
  }

  @Test
  void zeroRangesBecomeZeroWithoutBytesOrNewMemory() throws Exception {
    pair.close();
    pair = hosts.connect();
    receive(Extensions.of(Extension.ZERO_RANGES));
    memory.regions().get(0).mapping().fill(0, Guests.LOW_BYTES / 2, (byte) 7);
    memory.regions().get(2).mapping().fill(0, 3 * Guests.PAGE, (byte) 7);
    ByteBuffer frame = ByteBuffer.allocate(16 + 32);
    Request.memoryZero(2).encode(frame);
    MemoryRangeTable.append(Guests.PAGE, Guests.LOW_BYTES - Guests.PAGE, frame);
    MemoryRangeTable.append(Guests.NEXT_BASE + Guests.PAGE, Guests.PAGE, frame);
    pair.source().writeFully(frame.flip());

    assertTrue(answer().isOk());

    pair.source().close();
    assertEquals(new ReceivedMemory(0, 2), received.toCompletableFuture().get(30, SECONDS));
    assertBytes(7, 0, 0, Guests.PAGE);
    assertBytes(0, 0, Guests.PAGE, Guests.LOW_BYTES - Guests.PAGE);
    assertBytes(7, 2, 0, Guests.PAGE);
    assertBytes(0, 2, Guests.PAGE, Guests.PAGE);
    assertBytes(7, 2, 2 * Guests.PAGE, Guests.PAGE);
    assertEquals(Guests.PAGE, memory.regions().get(0).memfd().allocatedBytes());
  }

  @Test
  void aBadZeroRangeIsRefusedBeforeAnyIsCleared() throws Exception {
    pair.close();
    pair = hosts.connect();
    receive(Extensions.of(Extension.ZERO_RANGES));
    memory.regions().get(0).mapping().fill(0, Guests.PAGE, (byte) 7);
    ByteBuffer frame = ByteBuffer.allocate(16 + 32);
    Request.memoryZero(2).encode(frame);
    MemoryRangeTable.append(0, Guests.PAGE, frame);
    MemoryRangeTable.append(1L << 50, Guests.PAGE, frame);
    pair.source().writeFully(frame.flip());

    assertFalse(answer().isOk());
    assertInstanceOf(ProtocolException.class, failure());
    assertBytes(7, 0, 0, Guests.PAGE);
  }

  @Test
  void anEmptyTableIsFine() throws Exception {
    send(Request.memory(0));

    assertTrue(answer().isOk());
    pair.source().close();
    assertEquals(ReceivedMemory.NOTHING, received.toCompletableFuture().get(30, SECONDS));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 15, 16, 31, 32, 32 + 4095})
  void aPeerThatVanishesInsideACommandIsAnError(int afterBytes) throws Exception {
    ByteBuffer frame = ByteBuffer.allocate(32 + 4096);
    Request.memory(1).encode(frame);
    MemoryRangeTable.append(0, 4096, frame);
    pair.source().writeFully(frame.clear().limit(afterBytes));
    pair.source().close();

    assertInstanceOf(EOFException.class, failure());
  }

  @Test
  void closingTheConnectionEndsAReceiverThatWaits() {
    pair.destination().close();

    assertInstanceOf(IOException.class, failure());
  }

  private void send(Request request) throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(16);
    request.encode(frame);
    pair.source().writeFully(frame.flip());
  }

  private Response answer() throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(16);
    pair.source().readFully(frame);
    return Response.decode(frame.flip());
  }

  /** Read through the file, so that holes stay holes. */
  private void assertBytes(int expected, int region, long offset, long lengthBytes)
      throws IOException {
    GuestRegion of = memory.regions().get(region);
    ByteBuffer bytes = ByteBuffer.allocateDirect((int) lengthBytes);
    of.memfd().readAt(of.fileOffset() + offset, bytes);
    for (int i = 0; i < lengthBytes; i++) {
      assertEquals(expected, bytes.get(i));
    }
  }

  private Throwable failure() {
    return assertThrows(
            ExecutionException.class, () -> received.toCompletableFuture().get(30, SECONDS))
        .getCause();
  }
}
