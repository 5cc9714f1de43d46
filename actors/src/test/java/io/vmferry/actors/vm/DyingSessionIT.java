package io.vmferry.actors.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.vmferry.actors.machine.Machine;
import io.vmferry.kvm.KvmSystem;
import io.vmferry.kvm.VcpuKick;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import java.io.IOException;
import java.time.Duration;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A session that ends without a word: whether its guest may run here depends on what it had. */
@RequiresKvm
class DyingSessionIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final long BYTES = 16L << 20;

  private final TestProbe<Vm.Reply> replies = KIT.createTestProbe();
  private KvmSystem system;
  private ActorRef<Vm.Command> vm;

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @BeforeEach
  void boot() throws IOException {
    VcpuKick.install();
    system = KvmSystem.open();
    Machine machine =
        Machine.create(
            system, "test", GuestMemory.allocate(BYTES, PageSize.KIB_4), system.supportedCpuid());
    VmSpec spec = new VmSpec("test", 1, BYTES, PageSize.KIB_4, GuestSource.Idle.empty());
    vm = KIT.spawn(Vm.create(spec, machine));
    vm.tell(new Vm.Boot(replies.ref()));
    assertState(LifeCycle.RUNNING);
  }

  @AfterEach
  void delete() {
    vm.tell(new Vm.Delete(replies.ref()));
    replies.expectMessage(Duration.ofSeconds(20), new Vm.Done());
    system.close();
  }

  @Test
  void aGuestWhoseStateNobodyHadGoesOnHere() {
    migrate(Behaviors.setup(context -> pausedThen(context.getSelf(), Behaviors.stopped())));

    awaitState(LifeCycle.RUNNING);
  }

  @Test
  void aGuestWhoseStateWasSavedMayRunElsewhere() {
    migrate(Behaviors.setup(context -> pausedThen(context.getSelf(), saving(context.getSelf()))));
    awaitState(LifeCycle.HANDOVER_UNKNOWN);

    vm.tell(new Vm.Resume(replies.ref()));
    assertInstanceOf(Vm.Rejected.class, replies.receiveMessage());
    vm.tell(new Vm.TakeOver(replies.ref()));
    assertState(LifeCycle.RUNNING);
  }

  private void migrate(Behavior<Vm.SessionReply> session) {
    vm.tell(
        new Vm.StartMigration(
            "m-1",
            seed ->
                new Vm.Session<>(
                    session, new Vm.Discarding(), new Vm.Discarding(), to -> new Vm.Discarding()),
            replies.ref()));
    replies.expectMessage(new Vm.Done());
  }

  private Behavior<Vm.SessionReply> pausedThen(
      ActorRef<Vm.SessionReply> self, Behavior<Vm.SessionReply> next) {
    vm.tell(new Vm.PauseForHandover(self));
    return Behaviors.receive(Vm.SessionReply.class)
        .onMessage(Vm.GuestPaused.class, m -> next)
        .build();
  }

  private Behavior<Vm.SessionReply> saving(ActorRef<Vm.SessionReply> self) {
    return Behaviors.setup(
        context -> {
          vm.tell(new Vm.SaveState(self));
          return Behaviors.receive(Vm.SessionReply.class)
              .onMessage(Vm.GuestSaved.class, m -> Behaviors.stopped())
              .build();
        });
  }

  private void assertState(LifeCycle expected) {
    Vm.Described described =
        assertInstanceOf(
            Vm.Described.class, replies.receiveMessage(Duration.ofSeconds(20)), "not described");
    assertEquals(expected, described.info().lifeCycle());
  }

  private void awaitState(LifeCycle expected) {
    replies.awaitAssert(
        Duration.ofSeconds(20),
        () -> {
          vm.tell(new Vm.Describe(replies.ref()));
          assertState(expected);
          return null;
        });
  }
}
