package io.vmferry.actors.vm;

import io.vmferry.actors.machine.Machine;
import io.vmferry.kvm.VcpuState;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * One virtual CPU: owns the thread that runs KVM_RUN and tells its {@link Vm} what becomes of it.
 *
 * <p>States: creating until the thread reports {@code Ready}, then alive until {@code Ended}. The
 * thread keeps the order of what it is told, so the actor forwards and never waits: a pause that
 * meets a vCPU blocked on a missing page is answered once the page is there.
 */
final class Vcpu {
  /** What a vCPU is told, by its Vm and by its own thread. */
  sealed interface Command {}

  /** Enter the guest; answered {@link Vm.VcpuRunning}. */
  record Run() implements Command {}

  /** Leave the guest; answered {@link Vm.VcpuPaused}. */
  record Pause() implements Command {}

  /** Save the state of a paused vCPU; answered {@link Vm.VcpuSaved}. */
  record Save() implements Command {}

  /** End the thread; answered {@link Vm.VcpuEnded}. */
  record End() implements Command {}

  private Vcpu() {}

  static Behavior<Command> create(
      int index, Machine machine, VcpuStart start, VcpuThrottle throttle, ActorRef<Vm.Command> vm) {
    return Behaviors.setup(
        context -> {
          VcpuThread thread = new VcpuThread(index, machine, start, throttle, new ToVm(index, vm));
          thread.start();
          return alive(thread);
        });
  }

  private static Behavior<Command> alive(VcpuThread thread) {
    return Behaviors.receive(Command.class)
        .onMessage(Run.class, m -> forward(thread, VcpuThread.Order.RUN))
        .onMessage(Pause.class, m -> forward(thread, VcpuThread.Order.PAUSE))
        .onMessage(Save.class, m -> forward(thread, VcpuThread.Order.SAVE))
        .onMessage(End.class, m -> forward(thread, VcpuThread.Order.END))
        .onSignal(PostStop.class, s -> forward(thread, VcpuThread.Order.END))
        .build();
  }

  private static Behavior<Command> forward(VcpuThread thread, VcpuThread.Order order) {
    thread.order(order);
    return Behaviors.same();
  }

  /** Carries the thread's reports straight to the Vm: {@code tell} is safe on any thread. */
  private record ToVm(int index, ActorRef<Vm.Command> vm) implements VcpuListener {
    @Override
    public void ready() {
      vm.tell(new Vm.VcpuReady(index));
    }

    @Override
    public void running() {
      vm.tell(new Vm.VcpuRunning(index));
    }

    @Override
    public void paused() {
      vm.tell(new Vm.VcpuPaused(index));
    }

    @Override
    public void saved(VcpuState state) {
      vm.tell(new Vm.VcpuSaved(index, state));
    }

    @Override
    public void stopped(String why) {
      vm.tell(new Vm.VcpuStopped(index, why));
    }

    @Override
    public void failed(Exception cause) {
      vm.tell(new Vm.VcpuFailed(index, cause));
    }

    @Override
    public void ended() {
      vm.tell(new Vm.VcpuEnded(index));
    }
  }
}
