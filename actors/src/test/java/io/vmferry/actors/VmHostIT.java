package io.vmferry.actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.actors.vm.VmInfo;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import java.io.File;
import java.util.Objects;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The life of real guests on one host. */
@RequiresKvm
class VmHostIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final long MIB = 1L << 20;

  private final TestHost host = new TestHost(KIT);

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  private static VmSpec spec(String name, int cpus) {
    return spec(name, cpus, 32 * MIB, PageSize.KIB_4, new GuestSource.Standard(2 * MIB, 8 * MIB));
  }

  private static VmSpec spec(
      String name, int cpus, long bytes, PageSize pageSize, GuestSource guest) {
    return new VmSpec(name, cpus, bytes, pageSize, guest);
  }

  private VmHost.Rejected refuse(VmSpec spec) {
    return host.ask(VmHost.Rejected.class, to -> new VmHost.CreateVm(spec, to));
  }

  private VmHost.Rejected refuse(String name, VmHost.Change change) {
    return host.ask(VmHost.Rejected.class, to -> new VmHost.ChangeVm(name, change, to));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4})
  void aStandardGuestVerifiesItsMemoryOnEveryVcpu(int cpus) {
    host.create(spec("guest", cpus));
    host.change("guest", VmHost.Change.BOOT);

    VmInfo info = host.awaitSweeps("guest", 2);

    assertEquals(LifeCycle.RUNNING, info.lifeCycle());
    assertTrue(info.guest().running(), info::toString);
    assertEquals(cpus, info.guest().vcpus().size());
    assertEquals(0, info.guest().mismatches(), info::toString);
    host.delete("guest");
  }

  @Test
  void aGuestWithoutALimitReportsAllTheSame() {
    host.create(spec("busy", 2, 32 * MIB, PageSize.KIB_4, new GuestSource.Standard(2 * MIB, 0)));
    host.change("busy", VmHost.Change.BOOT);

    VmInfo info = host.awaitSweeps("busy", 20);

    assertEquals(0, info.guest().mismatches(), info::toString);
    host.delete("busy");
  }

  @Test
  void anIdleGuestBeats() {
    host.create(spec("idle", 2, 16 * MIB, PageSize.KIB_4, GuestSource.Idle.empty()));
    host.change("idle", VmHost.Change.BOOT);

    assertTrue(host.awaitSweeps("idle", 1).guest().running());
    host.delete("idle");
  }

  @Test
  void aPausedGuestStandsStillAndGoesOn() {
    host.create(spec("guest", 2));
    host.change("guest", VmHost.Change.BOOT);
    host.awaitSweeps("guest", 1);

    assertEquals(LifeCycle.PAUSED, host.change("guest", VmHost.Change.PAUSE).lifeCycle());
    String before = digest();
    String after = digest();
    assertEquals(before, after);

    host.change("guest", VmHost.Change.RESUME);
    assertEquals(0, host.awaitSweeps("guest", 2).guest().mismatches());
    host.change("guest", VmHost.Change.PAUSE);
    assertNotEquals(before, digest());
    host.delete("guest");
  }

  private String digest() {
    return host.ask(VmHost.Digest.class, to -> new VmHost.DigestVm("guest", to)).digest();
  }

  @Test
  void refusesWhatAStateDoesNotTake() {
    host.create(spec("guest", 1));

    VmHost.Rejected pause = refuse("guest", VmHost.Change.PAUSE);
    assertEquals(FailureCode.WRONG_STATE, pause.code());
    assertEquals("VM guest is created and cannot take Pause now.", pause.reason());
    assertEquals(FailureCode.WRONG_STATE, refuse("guest", VmHost.Change.RESUME).code());
    assertEquals(FailureCode.NAME_TAKEN, refuse(spec("guest", 1)).code());
    assertEquals(FailureCode.NO_SUCH_VM, refuse("nobody", VmHost.Change.BOOT).code());
    host.delete("guest");
    assertEquals(FailureCode.NO_SUCH_VM, refuse("guest", VmHost.Change.BOOT).code());
  }

  @Test
  void whoeverDeletesAGuestThatIsBeingDeletedHearsWhenItIsGone() {
    host.create(spec("guest", 2));
    host.change("guest", VmHost.Change.BOOT);
    TestProbe<VmHost.Reply> first = KIT.createTestProbe(VmHost.Reply.class);

    host.tell(new VmHost.ChangeVm("guest", VmHost.Change.DELETE, first.getRef()));
    host.delete("guest");

    first.expectMessageClass(VmHost.Done.class);
    assertEquals(FailureCode.NO_SUCH_VM, refuse("guest", VmHost.Change.BOOT).code());
  }

  @Test
  void refusesMoreMemoryThanTheHostHas() {
    VmHost.Rejected refusal =
        refuse(spec("huge", 1, 1L << 50, PageSize.KIB_4, GuestSource.Idle.empty()));

    assertEquals(FailureCode.NOT_ENOUGH_MEMORY, refusal.code());
    assertTrue(refusal.reason().contains("MiB available"), refusal.reason());
    assertEquals(
        FailureCode.NOT_ENOUGH_MEMORY,
        refuse(spec("huge", 1, 1L << 50, PageSize.MIB_2, GuestSource.Idle.empty())).code());
  }

  @Test
  void deletingFreesEveryDescriptor() {
    for (int i = 0; i < 3; i++) {
      cycle();
    }
    int before = descriptors();
    for (int i = 0; i < 20; i++) {
      cycle();
    }
    assertTrue(descriptors() <= before, () -> descriptors() + " descriptors, before " + before);
  }

  private void cycle() {
    host.create(spec("guest", 2));
    host.change("guest", VmHost.Change.BOOT);
    host.delete("guest");
  }

  private static int descriptors() {
    return Objects.requireNonNull(new File("/proc/self/fd").list()).length;
  }

  @Test
  void describesTheGuestItWasGiven() {
    VmSpec spec = spec("guest", 2);
    VmInfo info = host.create(spec);

    assertEquals(spec, info.spec());
    assertEquals("kvm", info.hypervisor());
    assertEquals(LifeCycle.CREATED, info.lifeCycle());
    assertNull(info.migrationId());
    assertNotNull(info.guest());
    host.delete("guest");
  }
}
