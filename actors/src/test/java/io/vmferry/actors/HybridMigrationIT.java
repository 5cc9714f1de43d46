package io.vmferry.actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.guest.MemoryFill;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.MigrationPhase;
import io.vmferry.actors.migration.MigrationSummary;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.compression.Compression;
import io.vmferry.streams.pages.TimeoutStrategy;
import java.time.Duration;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** Rounds first, then postcopy: when it switches, what it sends, and what it refuses. */
@RequiresKvm
@RequiresUffd
class HybridMigrationIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final long MIB = 1L << 20;
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final TestHost source = new TestHost(KIT);
  private final TestHost destination = new TestHost(KIT);
  private final TestProbe<MigrationEvent> sent = KIT.createTestProbe(MigrationEvent.class);
  private final TestProbe<MigrationEvent> received = KIT.createTestProbe(MigrationEvent.class);

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @Test
  void switchesOnceRoundsGainNothingAndMovesTheGuestWhole() {
    // Rewrites its 16 MiB while a round of them takes four seconds; 1 MiB would fit the budget.
    boot("wild", new GuestSource.Standard(16 * MIB, 0));

    send("wild", MemoryMode.HYBRID, 4 * MIB, true);
    MigrationSummary left = finished(sent);
    MigrationSummary arrived = finished(received);

    assertEquals(left.memoryDigest(), arrived.memoryDigest());
    assertTrue(left.rounds() >= 1 && left.rounds() <= 4, left::toString);
    assertTrue(left.fullMillis() > left.resumeMillis(), left::toString);
    assertEquals(0, left.throttlePercent());
    assertEquals(0, destination.awaitSweeps("wild", 2).guest().mismatches());
    destination.delete("wild");
  }

  @Test
  void switchesByCommandInTheMiddleOfARoundAndSendsNothingTwice() {
    boot("filled", new GuestSource.Idle(MemoryFill.RANDOM));
    String migration = send("filled", MemoryMode.HYBRID, 16 * MIB, true);
    awaitSent(16 * MIB);

    source.ask(VmHost.Done.class, to -> new VmHost.SwitchToPostcopy(migration, to));
    MigrationSummary left = finished(sent);
    MigrationSummary arrived = finished(received);

    assertEquals(left.memoryDigest(), arrived.memoryDigest());
    assertEquals(1, left.rounds());
    assertTrue(left.fullMillis() > left.resumeMillis() + 500, left::toString);
    assertTrue(left.bytesSent() < 66 * MIB, left::toString);
    destination.delete("filled");
  }

  @Test
  void endsAsPrecopyWhereTheRestFitsTheBudget() {
    boot("calm", new GuestSource.Idle(MemoryFill.RANDOM));

    send("calm", MemoryMode.HYBRID, 0, true);
    MigrationSummary left = finished(sent);

    assertEquals(left.memoryDigest(), finished(received).memoryDigest());
    assertEquals(2, left.rounds());
    assertEquals(left.resumeMillis(), left.fullMillis());
    destination.delete("calm");
  }

  @Test
  void aCancelInTheRoundsLeavesTheGuestWhereItIs() {
    boot("held", new GuestSource.Idle(MemoryFill.RANDOM));
    String migration = send("held", MemoryMode.HYBRID, 8 * MIB, true);
    awaitSent(MIB);

    source.ask(VmHost.Done.class, to -> new VmHost.CancelMigration(migration, to));

    assertInstanceOf(MigrationEvent.Failed.class, TestHost.ending(sent));
    assertInstanceOf(MigrationEvent.Failed.class, TestHost.ending(received));
    assertEquals(LifeCycle.RUNNING, source.describe("held").lifeCycle());
    source.delete("held");
  }

  @Test
  void refusesADestinationThatCannotBeforeAnyMemoryMoves() {
    boot("plain", new GuestSource.Standard(4 * MIB, 0));

    String url = receive(MemoryMode.PRECOPY);
    source.send("plain", options(url, MemoryMode.HYBRID, 0, true), sent);

    refused("memory_mode=hybrid");
    assertInstanceOf(MigrationEvent.Failed.class, TestHost.ending(received));

    String another = receive(MemoryMode.HYBRID);
    source.send("plain", options(another, MemoryMode.HYBRID, 0, false), sent);

    refused("extensions on both sides");
    assertEquals(0, source.awaitSweeps("plain", 1).guest().mismatches());
    source.delete("plain");
  }

  @Test
  void aHybridDestinationTakesAPrecopySource() {
    boot("older", new GuestSource.Standard(4 * MIB, 8 * MIB));
    String url = receive(MemoryMode.HYBRID);

    source.send("older", options(url, MemoryMode.PRECOPY, 0, false), sent);

    assertEquals(finished(sent).memoryDigest(), finished(received).memoryDigest());
    assertEquals(0, destination.awaitSweeps("older", 2).guest().mismatches());
    destination.delete("older");
  }

  @Test
  void onlyAHybridSourceCanBeSwitched() {
    boot("fixed", new GuestSource.Idle(MemoryFill.RANDOM));
    String migration = send("fixed", MemoryMode.PRECOPY, 8 * MIB, true);

    VmHost.Rejected rejected =
        source.ask(VmHost.Rejected.class, to -> new VmHost.SwitchToPostcopy(migration, to));
    VmHost.Rejected unknown =
        source.ask(VmHost.Rejected.class, to -> new VmHost.SwitchToPostcopy("m-0", to));

    assertTrue(rejected.reason().contains("not started in hybrid mode"), rejected::reason);
    assertEquals(FailureCode.WRONG_STATE, unknown.code());
    source.ask(VmHost.Done.class, to -> new VmHost.CancelMigration(migration, to));
    assertInstanceOf(MigrationEvent.Failed.class, TestHost.ending(sent));
    source.delete("fixed");
  }

  private void refused(String hint) {
    MigrationEvent.Failed failed =
        assertInstanceOf(MigrationEvent.Failed.class, TestHost.ending(sent));
    assertEquals(MigrationPhase.PREPARING, failed.failure().phase());
    assertTrue(failed.failure().reason().contains(hint), failed.failure().reason());
  }

  private void boot(String name, GuestSource guest) {
    source.create(new VmSpec(name, 2, 64 * MIB, PageSize.KIB_4, guest));
    source.change(name, VmHost.Change.BOOT);
    if (guest instanceof GuestSource.Standard) {
      source.awaitSweeps(name, 1);
    }
  }

  private String send(String name, MemoryMode mode, long bandwidth, boolean extensions) {
    SendOptions options = options(receive(mode), mode, bandwidth, extensions);
    return source.send(name, options, sent).migrationId();
  }

  private String receive(MemoryMode mode) {
    return destination
        .receive(
            new ReceiveOptions("tcp:127.0.0.1:0", mode, true, true, null, false, null), received)
        .url();
  }

  private static SendOptions options(
      String url, MemoryMode mode, long bandwidth, boolean extensions) {
    return SendOptions.to(url, mode)
        .timeout(Duration.ofSeconds(60), TimeoutStrategy.CANCEL)
        .bandwidth(bandwidth)
        .verify(true)
        .extensions(extensions)
        .compression(Compression.OFF)
        .build();
  }

  private void awaitSent(long bytes) {
    MigrationEvent event = sent.receiveMessage(PATIENCE);
    while (((MigrationEvent.Progressed) event).progress().bytesSent() < bytes) {
      event = sent.receiveMessage(PATIENCE);
    }
  }

  private static MigrationSummary finished(TestProbe<MigrationEvent> events) {
    MigrationEvent ending = TestHost.ending(events);
    MigrationSummary summary =
        assertInstanceOf(MigrationEvent.Finished.class, ending, ending::toString).summary();
    System.out.println(summary);
    return summary;
  }
}
