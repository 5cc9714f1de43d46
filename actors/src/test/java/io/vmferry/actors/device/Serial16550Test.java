package io.vmferry.actors.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class Serial16550Test {

  private final List<Boolean> line = new ArrayList<>();
  private final List<Integer> sent = new ArrayList<>();
  private final Serial16550 port = new Serial16550(line::add, sent::add);

  @Test
  void sendsBytesWhileTheTransmitterIsEmpty() {
    assertEquals(0x60, port.read(5));
    port.write(0, 'h');
    port.write(0, 'i');

    assertEquals(List.of((int) 'h', (int) 'i'), sent);
    assertEquals(0x60, port.read(5));
    assertEquals(List.of(), line);
  }

  @Test
  void raisesAnInterruptForEachReceivedByteUntilAllAreRead() {
    port.write(1, 1);
    assertEquals(2, port.receive(new byte[] {'a', (byte) 0xE9}));

    assertEquals(List.of(true), line);
    assertEquals(0x04, port.read(2));
    assertEquals(0x61, port.read(5));
    assertEquals('a', port.read(0));
    assertEquals(0xE9, port.read(0));
    assertEquals(List.of(true, false), line);
    assertEquals(0x01, port.read(2));
    assertEquals(0x60, port.read(5));
  }

  @Test
  void raisesANewEdgeAfterEachSentByte() {
    port.write(1, 2);
    assertEquals(List.of(true), line);

    port.write(0, 'x');
    assertEquals(List.of(true, false, true), line);
    assertEquals(0x02, port.read(2));

    assertEquals(List.of(true, false, true, false), line);
    assertEquals(0x01, port.read(2));
  }

  @Test
  void putsReceivedBytesBeforeTheTransmitterInTheInterruptId() {
    port.write(1, 3);
    port.receive(new byte[] {1});

    assertEquals(0x04, port.read(2));
    port.read(0);
    assertEquals(0x02, port.read(2));
  }

  @Test
  void showsTheFifoBitsThatLinuxProbesFor() {
    assertEquals(0x01, port.read(2));
    port.write(2, 1);
    assertEquals(0xC1, port.read(2));
    port.write(2, 0);
    assertEquals(0x01, port.read(2));
  }

  @Test
  void clearsReceivedBytesThroughFifoControl() {
    port.receive(new byte[] {1, 2});
    port.write(2, 3);

    assertEquals(0x60, port.read(5));
  }

  @Test
  void reachesTheDivisorBehindDlab() {
    port.write(3, 0x83);
    port.write(0, 0x34);
    port.write(1, 0x12);
    assertEquals(0x34, port.read(0));
    assertEquals(0x12, port.read(1));

    port.write(3, 0x03);

    assertEquals(0, port.read(1));
    assertEquals(List.of(), sent);
    assertEquals(0x1234, port.save().divisor());
  }

  @Test
  void answersLinuxProbesOfInterruptEnableScratchAndLoopback() {
    port.write(1, 0xFF);
    assertEquals(0x0F, port.read(1));
    port.write(1, 0);
    assertEquals(0, port.read(1));
    port.write(7, 0xA5);
    assertEquals(0xA5, port.read(7));

    port.write(4, 0x1A); // loopback, OUT2 and RTS

    assertEquals(0x90, port.read(6) & 0xF0);
    port.write(4, 0x0B);
    assertEquals(0xB0, port.read(6));
  }

  @Test
  void loopsSentBytesBack() {
    port.write(4, 0x10);
    port.write(0, 'z');

    assertEquals(List.of(), sent);
    assertEquals('z', port.read(0));
  }

  @Test
  void takesNoMoreInputThanItsQueueHolds() {
    assertEquals(4096, port.receive(new byte[5000]));
    assertEquals(0, port.receive(new byte[1]));
    port.read(0);
    assertEquals(1, port.receive(new byte[9]));
  }

  @Test
  void countsAnOverrunInLoopbackOnce() {
    port.write(1, 4);
    port.write(4, 0x10);
    for (int i = 0; i <= 4096; i++) {
      port.write(0, i & 0xFF);
    }

    assertEquals(0x06, port.read(2));
    assertEquals(0x63, port.read(5));
    assertEquals(0x61, port.read(5));
    assertEquals(0x01, port.read(2));
  }

  @Test
  void movesItsStateToAnotherPort() {
    port.write(1, 3);
    port.write(2, 1);
    port.write(3, 0x1B);
    port.write(4, 0x0B);
    port.write(7, 0x77);
    port.receive(new byte[] {5, 6});
    List<Boolean> otherLine = new ArrayList<>();
    Serial16550 other = new Serial16550(otherLine::add, sent::add);

    other.restore(port.save());

    assertEquals(port.save(), other.save());
    assertEquals(List.of(true), otherLine);
    assertEquals(5, other.read(0));
    assertEquals(6, other.read(0));
    assertEquals(0xC2, other.read(2));
    assertEquals(List.of(true, false), otherLine);
  }

  @Test
  void rejectsAStateWithTooMuchInput() {
    List<Integer> input = Collections.nCopies(4097, 0);
    assertThrows(
        IllegalArgumentException.class,
        () -> new Serial16550State(0, 0, 0, 0, 0, 0, false, false, input));
  }
}
