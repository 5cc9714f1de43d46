package io.vmferry.actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.guest.MemoryFill;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.MigrationSummary;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.actors.vm.VmInfo;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.pages.TimeoutStrategy;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A real guest between two hosts of one process, over real sockets. */
@RequiresKvm
@RequiresUffd
class MigrationIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final long MIB = 1L << 20;

  @TempDir Path directory;

  private final TestHost source = new TestHost(KIT);
  private final TestHost destination = new TestHost(KIT);

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @ParameterizedTest
  @EnumSource(MemoryMode.class)
  void movesARunningGuestWhole(MemoryMode mode) {
    boot("busy", 2);

    MigrationSummary arrived = migrate("busy", mode, 1);

    VmInfo info = destination.awaitSweeps("busy", 2);
    assertEquals(0, info.guest().mismatches(), () -> destination.console("busy"));
    assertEquals(LifeCycle.RUNNING, info.lifeCycle());
    assertTrue(arrived.resumeMillis() >= 0);
    destination.delete("busy");
  }

  @ParameterizedTest
  @EnumSource(MemoryMode.class)
  void movesAPausedGuestAndLeavesItPaused(MemoryMode mode) {
    boot("calm", 1);
    source.change("calm", VmHost.Change.PAUSE);

    MigrationSummary arrived = migrate("calm", mode, 1);

    assertTrue(arrived.paused());
    assertEquals(LifeCycle.PAUSED, destination.describe("calm").lifeCycle());
    destination.change("calm", VmHost.Change.RESUME);
    assertEquals(0, destination.awaitSweeps("calm", 2).guest().mismatches());
    destination.delete("calm");
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 4})
  void sendsMemoryOverSeveralConnections(int connections) {
    boot("wide", 1);

    migrate("wide", MemoryMode.PRECOPY, connections);

    assertEquals(0, destination.awaitSweeps("wide", 2).guest().mismatches());
    destination.delete("wide");
  }

  @Test
  void keepsAGuestWithFourVcpusRunning() {
    boot("many", 4);

    migrate("many", MemoryMode.PRECOPY, 1);

    assertEquals(0, destination.awaitSweeps("many", 2).guest().mismatches());
    destination.delete("many");
  }

  @Test
  void theNameOfAGuestIsFreeOnceItIsSaidThatItHasLeft() {
    for (int i = 0; i < 10; i++) {
      source.create(spec("leaver", 1));
      source.change("leaver", VmHost.Change.BOOT);
      TestProbe<VmHost.Reply> created = KIT.createTestProbe(VmHost.Reply.class);
      TestProbe<MigrationEvent> received = KIT.createTestProbe(MigrationEvent.class);

      String url = receive(MemoryMode.PRECOPY, received);
      source.send(
          "leaver",
          options(url, MemoryMode.PRECOPY, 1),
          KIT.spawn(atTheEnd(() -> createLeaver(created.getRef()))));

      created.expectMessageClass(VmHost.Described.class, Duration.ofSeconds(30));
      assertInstanceOf(MigrationEvent.Finished.class, TestHost.ending(received));
      source.delete("leaver");
      destination.delete("leaver");
    }
  }

  private void createLeaver(ActorRef<VmHost.Reply> replyTo) {
    source.tell(new VmHost.CreateVm(spec("leaver", 1), replyTo));
  }

  /** Does something as soon as a migration has ended well. */
  private static Behavior<MigrationEvent> atTheEnd(Runnable then) {
    return Behaviors.receive(MigrationEvent.class)
        .onMessage(
            MigrationEvent.Finished.class,
            m -> {
              then.run();
              return Behaviors.stopped();
            })
        .onAnyMessage(m -> Behaviors.same())
        .build();
  }

  @Test
  void refusesANameThatTheDestinationHas() {
    boot("twin", 1);
    destination.create(spec("twin", 1));
    TestProbe<MigrationEvent> sent = KIT.createTestProbe(MigrationEvent.class);
    TestProbe<MigrationEvent> received = KIT.createTestProbe(MigrationEvent.class);

    String url = receive(MemoryMode.PRECOPY, received);
    source.send("twin", options(url, MemoryMode.PRECOPY, 1), sent);

    assertInstanceOf(MigrationEvent.Failed.class, TestHost.ending(sent));
    assertInstanceOf(MigrationEvent.Failed.class, TestHost.ending(received));
    assertEquals(0, source.awaitSweeps("twin", 1).guest().mismatches());
    source.delete("twin");
    destination.delete("twin");
  }

  @Test
  void receivesAFilledIdleGuestIntoPrefaultedMemory() {
    source.create(
        new VmSpec("filled", 1, 64 * MIB, PageSize.KIB_4, new GuestSource.Idle(MemoryFill.RANDOM)));
    source.change("filled", VmHost.Change.BOOT);
    TestProbe<MigrationEvent> sent = KIT.createTestProbe(MigrationEvent.class);
    TestProbe<MigrationEvent> received = KIT.createTestProbe(MigrationEvent.class);
    ReceiveOptions prefaulted =
        new ReceiveOptions("tcp:127.0.0.1:0", MemoryMode.PRECOPY, true, true, null, true, null);

    String url = destination.receive(prefaulted, received).url();
    source.send("filled", options(url, MemoryMode.PRECOPY, 1), sent);
    MigrationSummary left =
        assertInstanceOf(MigrationEvent.Finished.class, TestHost.ending(sent)).summary();
    MigrationSummary arrived =
        assertInstanceOf(MigrationEvent.Finished.class, TestHost.ending(received)).summary();

    assertEquals(left.memoryDigest(), arrived.memoryDigest());
    assertTrue(left.bytesSent() >= 60 * MIB, left::toString);
    assertTrue(left.transferMillis() > 0, left::toString);
    assertTrue(left.transferMillis() <= left.totalMillis() + 1, left::toString);
    destination.delete("filled");
  }

  private void boot(String name, int cpus) {
    source.create(spec(name, cpus));
    source.change(name, VmHost.Change.BOOT);
    source.awaitSweeps(name, 1);
  }

  private static VmSpec spec(String name, int cpus) {
    return new VmSpec(
        name, cpus, 64 * MIB, PageSize.KIB_4, new GuestSource.Standard(4 * MIB, 8 * MIB));
  }

  private MigrationSummary migrate(String name, MemoryMode mode, int connections) {
    TestProbe<MigrationEvent> sent = KIT.createTestProbe(MigrationEvent.class);
    TestProbe<MigrationEvent> received = KIT.createTestProbe(MigrationEvent.class);

    String url = receive(mode, received);
    source.send(name, options(url, mode, connections), sent);
    MigrationEvent departure = TestHost.ending(sent);
    MigrationEvent arrival = TestHost.ending(received);

    MigrationSummary left =
        assertInstanceOf(MigrationEvent.Finished.class, departure, departure + " / " + arrival)
            .summary();
    MigrationSummary arrived = assertInstanceOf(MigrationEvent.Finished.class, arrival).summary();
    assertNotNull(left.memoryDigest());
    assertEquals(left.memoryDigest(), arrived.memoryDigest());
    System.out.println(left);
    System.out.println(arrived);
    return arrived;
  }

  private String receive(MemoryMode mode, TestProbe<MigrationEvent> events) {
    String url =
        mode == MemoryMode.LOCAL ? "unix:" + directory.resolve("m.sock") : "tcp:127.0.0.1:0";
    return destination
        .receive(new ReceiveOptions(url, mode, true, true, null, false, null), events)
        .url();
  }

  private static SendOptions options(String url, MemoryMode mode, int connections) {
    return SendOptions.to(url, mode)
        .connections(connections)
        .timeout(Duration.ofSeconds(30), TimeoutStrategy.IGNORE)
        .verify(true)
        .build();
  }
}
