package io.vmferry.streams.transfer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.transport.PeerStalledException;
import io.vmferry.streams.wire.ProtocolException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How long a fill waits for a source that says nothing. */
@RequiresUffd
@Timeout(120)
class SilentSourceIT extends FillFixture {
  @Test
  void aSourceThatOwesAPageAndIsSilentIsTakenForDead() throws Exception {
    begin(PUSH, SILENCE);
    faults();

    fill.onFault(PAGE_5, System.nanoTime());

    failure(PeerStalledException.class, fill.finished());
    assertEquals(0, arriving.present().count());
  }

  @Test
  void aSourceMayBeSilentWhileItOwesNothing() throws Exception {
    begin(PUSH, SILENCE);
    Pair faults = faults();

    TimeUnit.NANOSECONDS.sleep(4 * SILENCE.toNanos());

    CompletableFuture<Void> serving = serve(faults, PUSH);
    await(push(PUSH));
    await(fill.finished());
    await(serving);
  }

  @Test
  void aPushConnectionThatFallsSilentIsTakenForDead() throws Exception {
    begin(PUSH, SILENCE);
    faults();
    Pair push = pushPair();
    push.source().writeFully(pushed(PAGE_5));

    failure(PeerStalledException.class, fill.finished());
    assertEquals(1, arriving.present().count());
  }

  @Test
  void pagesThatNobodyPushesBreakTheFill() throws Exception {
    begin(PUSH, SILENCE);
    faults();
    fill.checkForPush();
    TimeUnit.NANOSECONDS.sleep(2 * SILENCE.toNanos());
    assertFalse(fill.finished().toCompletableFuture().isDone());

    fill.checkForPush();

    failure(ProtocolException.class, fill.finished());
  }

  @Test
  void aWholeGuestToWhichNobodyPushesEndsTheFill() throws Exception {
    begin(PUSH, SILENCE);
    CompletableFuture<Void> serving = serve(faults(), PUSH);
    for (GuestRegion region : memory.regions()) {
      for (long at = 0; at < region.sizeBytes(); at += Guests.PAGE) {
        memory.read(new Gpa(region.base().value() + at), 1);
      }
    }
    fill.checkForPush();
    TimeUnit.NANOSECONDS.sleep(2 * SILENCE.toNanos());
    assertFalse(serving.isDone());

    fill.checkForPush();

    await(fill.finished());
    await(serving);
  }

  @Test
  void pagesThatArePushedLateAreAwaited() throws Exception {
    begin(PUSH, SILENCE);
    CompletableFuture<Void> serving = serve(faults(), PUSH);
    fill.checkForPush();
    TimeUnit.NANOSECONDS.sleep(2 * SILENCE.toNanos());
    CompletableFuture<Void> pushing = push(PUSH);
    fill.checkForPush();

    await(pushing);
    await(fill.finished());
    await(serving);
  }

  @Test
  void aThrottledSourceGivesSignsOfLife() throws Exception {
    Throttle throttle = new Throttle(64 << 10);
    begin(ALL, SILENCE);
    CompletableFuture<Void> serving = serve(faults(), ALL);
    CompletableFuture<Void> pushing = push(ALL, throttle);

    TimeUnit.NANOSECONDS.sleep(4 * SILENCE.toNanos());
    assertFalse(pushing.isDone());
    throttle.setBytesPerSecond(Throttle.UNLIMITED);

    await(fill.finished());
    await(pushing);
    await(serving);
    assertEquals(MemoryDigest.of(sourceMemory), MemoryDigest.of(memory));
  }
}
