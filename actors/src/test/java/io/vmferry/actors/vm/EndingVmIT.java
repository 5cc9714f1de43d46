package io.vmferry.actors.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.machine.Machine;
import io.vmferry.kvm.KvmSystem;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import java.io.IOException;
import org.apache.pekko.actor.testkit.typed.javadsl.BehaviorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestInbox;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Deletion while its vCPUs report what their threads may report; they never enter the guest. */
@RequiresKvm
class EndingVmIT {
  private static final int CPUS = 2;
  private static final long BYTES = 16L << 20;

  private final TestInbox<Vm.Reply> booted = TestInbox.create();
  private final TestInbox<Vm.Reply> deleted = TestInbox.create();
  private KvmSystem system;
  private Machine machine;
  private BehaviorTestKit<Vm.Command> vm;

  @BeforeEach
  void boot() throws IOException {
    system = KvmSystem.open();
    machine =
        Machine.create(
            system, "test", GuestMemory.allocate(BYTES, PageSize.KIB_4), system.supportedCpuid());
    VmSpec spec = new VmSpec("test", CPUS, BYTES, PageSize.KIB_4, GuestSource.Idle.empty());
    vm = BehaviorTestKit.create(Vm.create(spec, machine));
    vm.run(new Vm.Boot(booted.getRef()));
    vm.run(new Vm.Loaded(new VcpuStart.Boot((vcpu, index) -> {}), booted.getRef()));
    endThreads();
    vm.run(new Vm.VcpuReady(0));
    vm.run(new Vm.VcpuReady(1));
    vm.run(new Vm.VcpuRunning(0));
    vm.run(new Vm.VcpuRunning(1));
    assertInstanceOf(Vm.Described.class, booted.receiveMessage());
  }

  /** This kit has started their threads, and the machine waits for those. */
  private void endThreads() {
    for (int index = 0; index < CPUS; index++) {
      ActorRef<Vcpu.Command> vcpu = vm.<Vcpu.Command>childInbox("vcpu-" + index).getRef();
      vm.childTestKit(vcpu).run(new Vcpu.End());
    }
  }

  @AfterEach
  void close() {
    machine.close();
    system.close();
  }

  @Test
  void aVcpuThatFailsWhileItIsEndedDoesNotHoldUpTheDeletion() {
    vm.run(new Vm.Delete(deleted.getRef()));
    vm.run(new Vm.VcpuFailed(0, new IOException("KVM_RUN failed")));

    endedAndReleased();
  }

  @Test
  void aGuestThatEndsByItselfWhileItIsDeletedDoesNotHoldUpTheDeletion() {
    vm.run(new Vm.Delete(deleted.getRef()));
    vm.run(new Vm.VcpuStopped(0, "the guest asked for a reset"));

    endedAndReleased();
  }

  @Test
  void aVcpuThatFailsDoesNotHideThatOthersWaitForPages() {
    migrate();
    vm.run(new Vm.SessionEnded(Vm.Outcome.INCOMPLETE));
    vm.run(new Vm.VcpuFailed(0, new IOException("KVM_RUN failed")));

    assertWaitsAndCanBeDeleted();
  }

  @Test
  void aVcpuThatFailedBeforeTheSessionDoesNotHideItEither() {
    migrate();
    vm.run(new Vm.VcpuFailed(0, new IOException("KVM_RUN failed")));
    vm.run(new Vm.SessionEnded(Vm.Outcome.INCOMPLETE));

    assertWaitsAndCanBeDeleted();
  }

  @Test
  void aGuestThatIsHereIsNotForgotten() {
    vm.run(new Vm.Forget(deleted.getRef()));

    assertInstanceOf(Vm.Rejected.class, deleted.receiveMessage());
    assertTrue(vm.isAlive());
  }

  private void migrate() {
    vm.run(
        new Vm.StartMigration(
            "m-1",
            seed -> new Vm.Session<>(Behaviors.<String>empty(), "", "", to -> ""),
            booted.getRef()));
    booted.expectMessage(new Vm.Done());
  }

  private void assertWaitsAndCanBeDeleted() {
    vm.run(new Vm.Describe(booted.getRef()));
    Vm.Described described = assertInstanceOf(Vm.Described.class, booted.receiveMessage());
    assertEquals(LifeCycle.MIGRATING, described.info().lifeCycle());
    vm.run(new Vm.Delete(deleted.getRef()));
    endedAndReleased();
  }

  private void endedAndReleased() {
    vm.run(new Vm.VcpuEnded(0));
    vm.run(new Vm.VcpuEnded(1));
    assertFalse(deleted.hasMessages());
    vm.run(new Vm.Released());

    deleted.expectMessage(new Vm.Done());
    assertFalse(vm.isAlive());
  }
}
