package io.vmferry.actors;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.migration.HandoverInquiry;
import io.vmferry.actors.ownership.GuestRecord;
import io.vmferry.actors.ownership.Handover;
import io.vmferry.actors.ownership.OwnershipLedger;
import io.vmferry.actors.ownership.OwnershipNote;
import io.vmferry.actors.ownership.Place;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.actors.vm.Vm;
import io.vmferry.actors.vm.VmInfo;
import io.vmferry.streams.wire.MigrationKey;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/**
 * Stands for a guest of an earlier run of the daemon among the host's virtual machines: it says
 * what became of the guest until it is deleted, and keeps the name. It takes nothing else.
 */
final class RememberedVm {
  private static final String INQUIRY = "inquiry";

  private final OwnershipLedger ledger;
  private final GuestRecord found;

  private RememberedVm(GuestRecord found, OwnershipLedger ledger) {
    this.found = found;
    this.ledger = ledger;
  }

  /** Asks the destination at once, if the guest may have been handed over. */
  static Behavior<Vm.Command> create(GuestRecord found, OwnershipLedger ledger) {
    return Behaviors.setup(
        context -> {
          RememberedVm vm = new RememberedVm(found, ledger);
          vm.inquire(context);
          return vm.remembered(context);
        });
  }

  private void inquire(ActorContext<Vm.Command> context) {
    GuestRecord guest = newest();
    Handover handover = guest.handover();
    MigrationKey key = handover == null ? null : handover.key();
    if (guest.place() == Place.HANDOVER_UNKNOWN && key != null) {
      context.spawn(HandoverInquiry.create(guest, key, ledger), INQUIRY);
    }
  }

  /** There is nothing to go on with; but one that was not answered asks again. */
  private Behavior<Vm.Command> recover(ActorContext<Vm.Command> context, Vm.Recover request) {
    if (context.getChild(INQUIRY).isEmpty()) {
      inquire(context);
    }
    return refuse(request);
  }

  private Behavior<Vm.Command> remembered(ActorContext<Vm.Command> context) {
    return Behaviors.receive(Vm.Command.class)
        .onMessage(Vm.Describe.class, m -> describe(m.replyTo()))
        .onMessage(Vm.Delete.class, m -> delete(m.replyTo()))
        .onMessage(Vm.Recover.class, m -> recover(context, m))
        .onAnyMessage(this::refuse)
        .build();
  }

  private Behavior<Vm.Command> describe(ActorRef<Vm.Reply> replyTo) {
    GuestRecord guest = newest();
    Handover handover = guest.handover();
    VmInfo info =
        new VmInfo(
            guest.spec(),
            lifeCycle(guest.place()),
            Machine.HYPERVISOR,
            null,
            handover == null ? null : handover.migrationId(),
            null);
    replyTo.tell(
        new Vm.Described(
            info.owned(guest.identity().generation(), OwnershipNote.ofLastRun(guest))));
    return Behaviors.same();
  }

  /** With what the destination has said since. */
  private GuestRecord newest() {
    @Nullable GuestRecord known = ledger.find(found.spec().name());
    return known == null ? found : known;
  }

  static LifeCycle lifeCycle(Place place) {
    return switch (place) {
      case HANDOVER_UNKNOWN -> LifeCycle.HANDOVER_UNKNOWN;
      case HANDED_OVER -> LifeCycle.HANDED_OVER;
      case ARRIVING, HERE, LOST, STOPPED, ENDED_THERE -> LifeCycle.LOST;
    };
  }

  /** Nothing is left of it; the host forgets the record. */
  private Behavior<Vm.Command> delete(ActorRef<Vm.Reply> replyTo) {
    replyTo.tell(new Vm.Done());
    return Behaviors.stopped();
  }

  private Behavior<Vm.Command> refuse(Vm.Command command) {
    if (command instanceof Vm.Request request) {
      request
          .replyTo()
          .tell(
              new Vm.Rejected(
                  FailureCode.WRONG_STATE,
                  "Only a record of VM "
                      + found.spec().name()
                      + " is left here. "
                      + OwnershipNote.ofLastRun(newest())));
    }
    return Behaviors.same();
  }
}
