package io.vmferry.actors.vm;

import io.vmferry.actors.vm.Vm.Command;
import io.vmferry.actors.vm.Vm.SessionReply;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/**
 * The states of a {@link Vm} whose guest does not run here any more, and its deletion out of any
 * state.
 */
final class EndingVm {
  private final Vm vm;
  private final List<ActorRef<Vm.Reply>> deleters = new ArrayList<>();

  EndingVm(Vm vm) {
    this.vm = vm;
  }

  /** What is left of the guest is kept until it is deleted. */
  Behavior<Command> kept(LifeCycle lifeCycle) {
    return vm.receive(lifeCycle)
        .onMessage(Vm.Delete.class, this::delete)
        .onMessage(Vm.DigestMemory.class, vm::digest)
        .onAnyMessage(m -> vm.refuse(lifeCycle, m))
        .build();
  }

  /** As {@link #kept}, until it is forgotten, or the destination wants pages again. */
  Behavior<Command> handedOver(
      boolean ran, @Nullable Function<Vm.SessionSeed, Vm.Session<?>> again) {
    return vm.receive(LifeCycle.HANDED_OVER)
        .onMessage(Vm.Recover.class, m -> recover(m, ran, again))
        .onMessage(Vm.Delete.class, this::delete)
        .onMessage(Vm.Forget.class, m -> delete(new Vm.Delete(m.replyTo())))
        .onMessage(Vm.DigestMemory.class, vm::digest)
        .onAnyMessage(m -> vm.refuse(LifeCycle.HANDED_OVER, m))
        .build();
  }

  /** As {@link #kept}, until the operator takes the guest back, or the destination answers. */
  Behavior<Command> unknown(boolean ran, @Nullable Function<Vm.SessionSeed, Vm.Session<?>> again) {
    return vm.receive(LifeCycle.HANDOVER_UNKNOWN)
        .onMessage(Vm.Recover.class, m -> recover(m, ran, again))
        .onMessage(Vm.TakeOver.class, m -> vm.takeOver(m.replyTo(), ran))
        .onMessage(Vm.Delete.class, this::delete)
        .onMessage(Vm.DigestMemory.class, vm::digest)
        .onAnyMessage(m -> vm.refuse(LifeCycle.HANDOVER_UNKNOWN, m))
        .build();
  }

  /**
   * The guest is here and lacks pages that no longer come. Its vCPUs wait, or will: no kick brings
   * them out before the session gives up the missing pages, so that all it takes is its end.
   *
   * @param session what brought the guest
   */
  Behavior<Command> incomplete(@Nullable ActorRef<SessionReply> session) {
    return vm.receive(LifeCycle.MIGRATING)
        .onMessage(Vm.Delete.class, m -> deleteIncomplete(m, session))
        // The others may wait for pages all the same: only what deleting does here ends them.
        .onMessage(Vm.VcpuStopped.class, m -> Behaviors.same())
        .onMessage(Vm.VcpuFailed.class, m -> Behaviors.same())
        .onAnyMessage(m -> vm.refuse(LifeCycle.MIGRATING, m))
        .build();
  }

  private Behavior<Command> recover(
      Vm.Recover request, boolean ran, @Nullable Function<Vm.SessionSeed, Vm.Session<?>> again) {
    if (again != null) {
      return vm.recover(request, again, ran);
    }
    request
        .replyTo()
        .tell(
            new Vm.Rejected(
                FailureCode.WRONG_STATE,
                "The migration cannot be taken up again: its destination cannot be asked, or has"
                    + " the last word said."));
    return Behaviors.same();
  }

  private Behavior<Command> deleteIncomplete(
      Vm.Delete request, @Nullable ActorRef<SessionReply> session) {
    if (session != null) {
      session.tell(new Vm.Discarding());
    }
    return delete(request);
  }

  /** Ends the threads, frees the machine and stops the actor. */
  Behavior<Command> delete(Vm.Delete request) {
    deleters.add(request.replyTo());
    if (vm.vcpus().isEmpty()) {
      return deleted();
    }
    vm.vcpus().tell(new Vcpu.End());
    if (vm.vcpus().haveEnded()) {
      return deleted();
    }
    return vm.receive(LifeCycle.STOPPED)
        .onMessage(
            Vm.VcpuEnded.class, m -> vm.vcpus().ended(m.index()) ? deleted() : Behaviors.same())
        // Whatever it came to on its way out, a vCPU says last that its thread has ended.
        .onMessage(Vm.VcpuStopped.class, m -> Behaviors.same())
        .onMessage(Vm.VcpuFailed.class, m -> Behaviors.same())
        .onMessage(Vm.Delete.class, this::deleteToo)
        .onAnyMessage(m -> vm.refuse(LifeCycle.STOPPED, m))
        .build();
  }

  private Behavior<Command> deleted() {
    vm.vcpus().clear();
    vm.context()
        .pipeToSelf(
            CompletableFuture.runAsync(vm.machine()::close, vm.blocking()),
            (done, failure) -> new Vm.Released());
    return vm.receive(LifeCycle.STOPPED)
        .onMessage(Vm.Released.class, m -> onReleased())
        .onMessage(Vm.Delete.class, this::deleteToo)
        .onAnyMessage(m -> vm.refuse(LifeCycle.STOPPED, m))
        .build();
  }

  /** Another one wants it, while this actor is at it: the host forgets a guest that has moved. */
  private Behavior<Command> deleteToo(Vm.Delete request) {
    deleters.add(request.replyTo());
    return Behaviors.same();
  }

  /** Answered only now, so that whoever asked may count on the memory. */
  private Behavior<Command> onReleased() {
    deleters.forEach(replyTo -> replyTo.tell(new Vm.Done()));
    return Behaviors.stopped();
  }
}
