package io.vmferry.actors.vm;

import io.vmferry.actors.machine.MachineState;
import io.vmferry.actors.vm.Vm.Command;
import io.vmferry.actors.vm.Vm.SessionReply;
import io.vmferry.streams.pages.DirtyPages;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.BehaviorBuilder;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The states of a {@link Vm} while a migration session owns its guest.
 *
 * <p>The session asks one thing at a time. While an answer is being collected from the vCPUs or the
 * regions, a cancel or the end of the session waits in the stash-free way: the session only ends
 * after its last question was answered.
 */
final class MigratingVm {
  private final Vm vm;
  private final SessionControl session;
  private final boolean ranBefore;
  // Whether the session has had what it takes to run the guest elsewhere.
  private boolean saved;

  /**
   * @param session what the guest is owned by
   * @param ranBefore whether the guest ran when the session got it
   */
  MigratingVm(Vm vm, SessionControl session, boolean ranBefore) {
    this.vm = vm;
    this.session = session;
    this.ranBefore = ranBefore;
  }

  /** A session that takes up what another one had handed over. */
  static Behavior<Command> handedOver(Vm vm, SessionControl session, boolean ranBefore) {
    MigratingVm migrating = new MigratingVm(vm, session, ranBefore);
    migrating.saved = true;
    return migrating.migrating(true);
  }

  /** Waits for the session's next wish. */
  Behavior<Command> migrating(boolean paused) {
    return vm.receive(LifeCycle.MIGRATING)
        .onMessage(Vm.CancelMigration.class, this::cancel)
        .onMessage(Vm.SwitchToPostcopy.class, this::switchToPostcopy)
        .onMessage(Vm.Recover.class, this::recover)
        .onMessage(Vm.StartDirtyLog.class, m -> startDirtyLog(m.replyTo(), paused))
        .onMessage(Vm.CollectDirty.class, m -> collectDirty(m.replyTo(), paused))
        .onMessage(Vm.ThrottleVcpus.class, m -> throttle(m.percent(), paused))
        .onMessage(Vm.PauseForHandover.class, m -> pause(m.replyTo(), paused))
        .onMessage(Vm.SaveState.class, m -> saveState(m.replyTo()))
        .onMessage(Vm.RunArrived.class, m -> runArrived(m.replyTo()))
        .onMessage(Vm.SessionEnded.class, m -> ended(m, paused))
        .onMessage(Vm.SessionDied.class, m -> died(paused))
        .onMessage(Vm.VcpuStopped.class, m -> guestEnded(LifeCycle.STOPPED, m.why()))
        .onMessage(Vm.VcpuFailed.class, m -> guestEnded(LifeCycle.FAILED, Vm.reason(m.cause())))
        .onAnyMessage(m -> vm.refuse(LifeCycle.MIGRATING, m))
        .build();
  }

  /** The guest has ended by itself; the session hears so at its next wish and ends. */
  private Behavior<Command> guestEnded(LifeCycle lifeCycle, String why) {
    vm.throttle().set(0);
    session.cancel().run();
    return vm.receive(LifeCycle.MIGRATING)
        .onMessage(Vm.StartDirtyLog.class, m -> deny(m.replyTo(), why))
        .onMessage(Vm.CollectDirty.class, m -> deny(m.replyTo(), why))
        .onMessage(Vm.PauseForHandover.class, m -> deny(m.replyTo(), why))
        .onMessage(Vm.SaveState.class, m -> deny(m.replyTo(), why))
        .onMessage(Vm.RunArrived.class, m -> deny(m.replyTo(), why))
        .onMessage(Vm.SessionEnded.class, m -> endedBefore(m.outcome(), lifeCycle, why))
        .onMessage(Vm.SessionDied.class, m -> vm.ended(lifeCycle, why))
        .onMessage(Vm.VcpuStopped.class, m -> Behaviors.same())
        .onMessage(Vm.VcpuFailed.class, m -> Behaviors.same())
        .onAnyMessage(m -> vm.refuse(LifeCycle.MIGRATING, m))
        .build();
  }

  /** A kick does not bring out vCPUs that wait for pages which no longer come. */
  private Behavior<Command> endedBefore(Vm.Outcome outcome, LifeCycle lifeCycle, String why) {
    return outcome == Vm.Outcome.INCOMPLETE ? vm.incomplete() : vm.ended(lifeCycle, why);
  }

  private Behavior<Command> deny(ActorRef<SessionReply> replyTo, String why) {
    replyTo.tell(new Vm.GuestFailed("The guest ended during the migration: " + why + "."));
    return Behaviors.same();
  }

  private Behavior<Command> startDirtyLog(ActorRef<SessionReply> replyTo, boolean paused) {
    vm.regions().forEach(region -> region.tell(new MemoryRegion.StartDirtyLog()));
    return loggingRegions(replyTo, paused, vm.regions().size());
  }

  private Behavior<Command> loggingRegions(
      ActorRef<SessionReply> replyTo, boolean paused, int missing) {
    return asking(replyTo, paused)
        .onMessage(
            Vm.RegionLogging.class,
            m -> {
              if (missing > 1) {
                return loggingRegions(replyTo, paused, missing - 1);
              }
              replyTo.tell(new Vm.DirtyLogStarted());
              return migrating(paused);
            })
        .onAnyMessage(m -> vm.refuse(LifeCycle.MIGRATING, m))
        .build();
  }

  private Behavior<Command> collectDirty(ActorRef<SessionReply> replyTo, boolean paused) {
    vm.regions().forEach(region -> region.tell(new MemoryRegion.CollectDirty()));
    return collecting(replyTo, paused, vm.regions().size(), new ArrayList<>());
  }

  private Behavior<Command> collecting(
      ActorRef<SessionReply> replyTo, boolean paused, int missing, List<DirtyPages> parts) {
    return asking(replyTo, paused)
        .onMessage(
            Vm.RegionDirty.class,
            m -> {
              parts.add(m.pages());
              if (missing > 1) {
                return collecting(replyTo, paused, missing - 1, parts);
              }
              replyTo.tell(new Vm.DirtyCollected(DirtyPages.joined(parts)));
              return migrating(paused);
            })
        .onAnyMessage(m -> vm.refuse(LifeCycle.MIGRATING, m))
        .build();
  }

  /** Only a guest that is to leave: one that arrived may wait for pages, and is not kicked then. */
  private Behavior<Command> throttle(int percent, boolean paused) {
    if (ranBefore && !paused) {
      vm.throttle().set(percent);
    }
    return Behaviors.same();
  }

  private Behavior<Command> pause(ActorRef<SessionReply> replyTo, boolean paused) {
    long since = System.nanoTime();
    if (paused) {
      replyTo.tell(new Vm.GuestPaused(since));
      return Behaviors.same();
    }
    vm.throttle().set(0);
    vm.vcpus().tell(new Vcpu.Pause());
    return asking(replyTo, true)
        .onMessage(
            Vm.VcpuPaused.class,
            m -> {
              if (!vm.vcpus().answered(m.index())) {
                return Behaviors.same();
              }
              replyTo.tell(new Vm.GuestPaused(since));
              return migrating(true);
            })
        .onAnyMessage(m -> vm.refuse(LifeCycle.MIGRATING, m))
        .build();
  }

  private Behavior<Command> saveState(ActorRef<SessionReply> replyTo) {
    vm.vcpus().tell(new Vcpu.Save());
    return asking(replyTo, true)
        .onMessage(
            Vm.VcpuSaved.class,
            m -> vm.vcpus().saved(m.index(), m.state()) ? saved(replyTo) : Behaviors.same())
        .onAnyMessage(m -> vm.refuse(LifeCycle.MIGRATING, m))
        .build();
  }

  private Behavior<Command> saved(ActorRef<SessionReply> replyTo) {
    try {
      MachineState state = vm.machine().save(vm.vcpus().states());
      saved = true;
      replyTo.tell(new Vm.GuestSaved(state));
    } catch (IOException e) {
      replyTo.tell(new Vm.GuestFailed(Vm.reason(e)));
    }
    return migrating(true);
  }

  private Behavior<Command> runArrived(ActorRef<SessionReply> replyTo) {
    vm.vcpus().tell(new Vcpu.Run());
    return asking(replyTo, false)
        .onMessage(
            Vm.VcpuRunning.class,
            m -> {
              if (!vm.vcpus().answered(m.index())) {
                return Behaviors.same();
              }
              replyTo.tell(new Vm.GuestResumed(System.nanoTime()));
              return migrating(false);
            })
        .onAnyMessage(m -> vm.refuse(LifeCycle.MIGRATING, m))
        .build();
  }

  /** What is answered alike while the vCPUs or regions are being asked. */
  private BehaviorBuilder<Command> asking(ActorRef<SessionReply> replyTo, boolean pausedAfter) {
    return vm.receive(LifeCycle.MIGRATING)
        .onMessage(Vm.CancelMigration.class, this::cancel)
        .onMessage(Vm.SwitchToPostcopy.class, this::switchToPostcopy)
        .onMessage(Vm.SessionEnded.class, m -> ended(m, pausedAfter))
        .onMessage(Vm.SessionDied.class, m -> died(pausedAfter))
        .onMessage(
            Vm.VcpuStopped.class,
            m -> {
              deny(replyTo, m.why());
              return guestEnded(LifeCycle.STOPPED, m.why());
            })
        .onMessage(
            Vm.VcpuFailed.class,
            m -> {
              deny(replyTo, Vm.reason(m.cause()));
              return guestEnded(LifeCycle.FAILED, Vm.reason(m.cause()));
            })
        .onMessage(
            Vm.RegionFailed.class,
            m -> {
              replyTo.tell(new Vm.GuestFailed(Vm.reason(m.cause())));
              return migrating(pausedAfter);
            });
  }

  private Behavior<Command> cancel(Vm.CancelMigration request) {
    session.cancel().run();
    request.replyTo().tell(new Vm.Done());
    return Behaviors.same();
  }

  private Behavior<Command> switchToPostcopy(Vm.SwitchToPostcopy request) {
    session.switchToPostcopy().run();
    request.replyTo().tell(new Vm.Done());
    return Behaviors.same();
  }

  private Behavior<Command> recover(Vm.Recover request) {
    session.recover().accept(request.replyTo());
    return Behaviors.same();
  }

  /**
   * A session that can no longer say what it did with the guest's state may have handed it over.
   */
  private Behavior<Command> died(boolean paused) {
    return ended(new Vm.SessionEnded(saved ? Vm.Outcome.UNKNOWN : Vm.Outcome.STAYS), paused);
  }

  private Behavior<Command> ended(Vm.SessionEnded end, boolean paused) {
    vm.throttle().set(0);
    return switch (end.outcome()) {
      case STAYS -> vm.takeBack(ranBefore && paused, ranBefore);
      case STAYS_RUNNING -> vm.takeBack(false, true);
      case INCOMPLETE -> vm.incomplete();
      case STAYS_PAUSED -> vm.takeBack(false, false);
      case DISCARDED -> vm.discard();
      case MOVED -> vm.givenAway(ranBefore, end.again());
      case UNKNOWN -> vm.unknown(ranBefore, end.again());
    };
  }
}
