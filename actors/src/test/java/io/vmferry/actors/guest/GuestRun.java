package io.vmferry.actors.guest;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.Vm;
import io.vmferry.actors.vm.VmInfo;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.KvmSystem;
import io.vmferry.kvm.VcpuKick;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.PageSize;
import java.io.IOException;
import java.time.Duration;
import java.util.function.Function;
import java.util.function.Predicate;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;

/** A virtual machine of a test with its machine in reach, asked in blocking style. */
public final class GuestRun implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final ActorTestKit kit;
  private final KvmSystem system;
  private final Machine machine;
  private final ActorRef<Vm.Command> vm;

  /** Makes the machine; nothing runs yet. */
  public GuestRun(ActorTestKit kit, int cpus, long memoryBytes, GuestSource guest)
      throws IOException {
    this.kit = kit;
    VcpuKick.install();
    VmSpec spec = new VmSpec("test", cpus, memoryBytes, PageSize.KIB_4, guest);
    system = KvmSystem.open();
    GuestMemory memory = GuestMemory.allocate(memoryBytes, PageSize.KIB_4);
    machine = Machine.create(system, spec.name(), memory, system.supportedCpuid());
    vm = kit.spawn(Vm.create(spec, machine));
  }

  /** The machine below the actor. */
  public Machine machine() {
    return machine;
  }

  /** Loads the guest and runs it. */
  public void boot() {
    ask(Vm.Described.class, Vm.Boot::new);
  }

  /** Why the guest cannot boot. */
  public String refusedBoot() {
    return ask(Vm.Rejected.class, Vm.Boot::new).reason();
  }

  /** Stops every vCPU between two instructions. */
  public void pause() {
    ask(Vm.Described.class, Vm.Pause::new);
  }

  /** Runs on. */
  public void resume() {
    ask(Vm.Described.class, Vm.Resume::new);
  }

  /** What the machine says of itself. */
  public VmInfo describe() {
    return ask(Vm.Described.class, Vm.Describe::new).info();
  }

  /** What the guest says of itself. */
  public GuestReport report() {
    GuestReport report = describe().guest();
    if (report == null) {
      throw new AssertionError("no report");
    }
    return report;
  }

  /** Serial output so far. */
  public String console() {
    return machine.console().text();
  }

  /** Waits until a description is as wanted. */
  public VmInfo await(Predicate<VmInfo> wanted) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    VmInfo info = describe();
    while (!wanted.test(info)) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("it did not come about: " + info + "\n" + console());
      }
      kit.createTestProbe().expectNoMessage(Duration.ofMillis(20));
      info = describe();
    }
    return info;
  }

  /** Waits until the guest's report is as wanted. */
  public GuestReport awaitReport(Predicate<GuestReport> wanted) {
    await(info -> info.guest() != null && wanted.test(info.guest()));
    return report();
  }

  private <T extends Vm.Reply> T ask(
      Class<T> type, Function<ActorRef<Vm.Reply>, Vm.Command> question) {
    TestProbe<Vm.Reply> probe = kit.createTestProbe(Vm.Reply.class);
    vm.tell(question.apply(probe.getRef()));
    Vm.Reply reply = probe.receiveMessage(PATIENCE);
    if (!type.isInstance(reply)) {
      throw new AssertionError("expected " + type.getSimpleName() + ", got " + reply);
    }
    return type.cast(reply);
  }

  @Override
  public void close() {
    ask(Vm.Done.class, Vm.Delete::new);
    machine.close();
    system.close();
  }
}
