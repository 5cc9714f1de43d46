package io.vmferry.actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.MigrationSummary;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.streams.compression.Compression;
import io.vmferry.streams.pages.TimeoutStrategy;
import java.time.Duration;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A guest that dirties memory faster than the link takes it, with and without auto-converge. */
@RequiresKvm
@Timeout(180)
class AutoConvergeIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final long MIB = 1L << 20;
  // The guest rewrites 8 MiB within a fraction of a second; the link takes 2 s for them.
  private static final long WORKING_SET = 8 * MIB;
  private static final long LINK = 4 * MIB;

  private final TestHost source = new TestHost(KIT);
  private final TestHost destination = new TestHost(KIT);

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @Test
  void aThrottledGuestConvergesAndRunsFreeAfterwards() {
    boot("busy");
    TestProbe<MigrationEvent> sent = KIT.createTestProbe(MigrationEvent.class);

    send("busy", Duration.ofSeconds(90), true, sent);

    MigrationEvent departure = TestHost.ending(sent);
    MigrationSummary left =
        assertInstanceOf(MigrationEvent.Finished.class, departure, departure::toString).summary();
    assertTrue(left.throttlePercent() >= 20, left::toString);
    assertEquals(0, destination.awaitSweeps("busy", 2).guest().mismatches());
    assertEquals(0, throttles("busy"));
    destination.delete("busy");
  }

  @Test
  void withoutAutoConvergeItDoesNotConverge() {
    boot("wild");
    TestProbe<MigrationEvent> sent = KIT.createTestProbe(MigrationEvent.class);

    send("wild", Duration.ofSeconds(12), false, sent);

    MigrationEvent.Failed failed =
        assertInstanceOf(MigrationEvent.Failed.class, TestHost.ending(sent));
    assertEquals(FailureCode.NOT_CONVERGED, failed.failure().code());
    source.delete("wild");
  }

  @Test
  void aCancelLiftsTheThrottle() {
    boot("held");
    TestProbe<MigrationEvent> sent = KIT.createTestProbe(MigrationEvent.class);
    String migration = send("held", Duration.ofSeconds(90), true, sent);
    awaitThrottle(sent, 30);
    assertEquals(1, throttles("held"));

    source.ask(VmHost.Done.class, to -> new VmHost.CancelMigration(migration, to));

    assertInstanceOf(MigrationEvent.Failed.class, TestHost.ending(sent));
    assertEquals(LifeCycle.RUNNING, source.describe("held").lifeCycle());
    assertEquals(0, source.awaitSweeps("held", 2).guest().mismatches());
    assertEquals(0, throttles("held"));
    source.delete("held");
  }

  private static void awaitThrottle(TestProbe<MigrationEvent> sent, int percent) {
    MigrationEvent event = sent.receiveMessage(Duration.ofSeconds(60));
    while (((MigrationEvent.Progressed) event).progress().throttlePercent() < percent) {
      event = sent.receiveMessage(Duration.ofSeconds(60));
    }
  }

  private static long throttles(String vm) {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("throttle-" + vm))
        .count();
  }

  private void boot(String name) {
    source.create(
        new VmSpec(name, 2, 64 * MIB, PageSize.KIB_4, new GuestSource.Standard(WORKING_SET, 0)));
    source.change(name, VmHost.Change.BOOT);
    source.awaitSweeps(name, 1);
  }

  private String send(
      String name, Duration timeout, boolean autoConverge, TestProbe<MigrationEvent> sent) {
    TestProbe<MigrationEvent> received = KIT.createTestProbe(MigrationEvent.class);
    ReceiveOptions receive =
        new ReceiveOptions("tcp:127.0.0.1:0", MemoryMode.PRECOPY, false, true, null, false, null);
    String url = destination.receive(receive, received).url();
    SendOptions options =
        SendOptions.to(url, MemoryMode.PRECOPY)
            .timeout(timeout, TimeoutStrategy.CANCEL)
            .bandwidth(LINK)
            .compression(Compression.OFF)
            .autoConverge(autoConverge)
            .build();
    return source.send(name, options, sent).migrationId();
  }
}
