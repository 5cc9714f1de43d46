package io.vmferry.actors;

import io.vmferry.actors.migration.ArrivalGate;
import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationDestination;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.MigrationIds;
import io.vmferry.actors.migration.MigrationSource;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.ownership.OwnershipLedger;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.Vm;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.jspecify.annotations.Nullable;

/**
 * The migrations under way on a host, and those that may be taken up again: starts their sessions,
 * steers them, and tells who follows them. Belongs to the actor of {@link VmHost}.
 */
final class HostedMigrations {
  /**
   * One of them.
   *
   * @param departing the virtual machine that leaves; null for one that arrives
   */
  private record Session(
      ActorRef<MigrationEvent> follower,
      @Nullable String departing,
      Consumer<ActorRef<VmHost.Reply>> cancel,
      Consumer<ActorRef<VmHost.Reply>> switchToPostcopy) {}

  private final ActorContext<VmHost.Command> context;
  private final HostedVms vms;
  private final ArrivalGate gate;
  private final OwnershipLedger ledger;
  private final ActorRef<MigrationEvent> events;
  private final Map<String, Session> sessions = new HashMap<>();

  HostedMigrations(
      ActorContext<VmHost.Command> context,
      HostedVms vms,
      ArrivalGate gate,
      OwnershipLedger ledger) {
    this.context = context;
    this.vms = vms;
    this.gate = gate;
    this.ledger = ledger;
    this.events = context.messageAdapter(MigrationEvent.class, VmHost.SessionEvent::new);
  }

  /** Has a virtual machine start the session; the host hears {@link VmHost.SendStarted}. */
  void send(VmHost.SendVm request) {
    String name = request.name();
    String id = MigrationIds.next();
    SendOptions options = request.options();
    if (vms.find(name) != null) {
      sessions.put(
          id,
          new Session(
              request.follower(),
              name,
              replyTo -> vms.ask(name, to -> new Vm.CancelMigration(id, to), replyTo),
              options.mode() == MemoryMode.HYBRID
                  ? replyTo -> vms.ask(name, to -> new Vm.SwitchToPostcopy(id, to), replyTo)
                  : replyTo -> reject(replyTo, notHybrid(id))));
    }
    vms.ask(
        name,
        replyTo ->
            new Vm.StartMigration(
                id,
                seed ->
                    MigrationSource.session(
                        MigrationSource.create(id, options, seed, ledger.depart(name), events)),
                replyTo),
        request.replyTo(),
        (vm, reply) ->
            new VmHost.SendStarted(id, options.destinationUrl(), reply, request.replyTo()));
  }

  /** Starts a session that waits for a guest; the caller hears from it where it listens. */
  void receive(VmHost.ReceiveVm request) {
    String id = MigrationIds.next();
    ActorRef<MigrationDestination.Command> session =
        context.spawn(
            MigrationDestination.create(
                id, request.options(), gate, events, new Listening(request.replyTo())),
            "receive-" + id);
    sessions.put(
        id,
        new Session(
            request.follower(),
            null,
            replyTo -> {
              session.tell(new MigrationDestination.Cancel());
              replyTo.tell(new VmHost.Done());
            },
            replyTo -> reject(replyTo, notHere(id))));
    context.watchWith(session, new VmHost.ReceiverGone(id));
  }

  void cancel(VmHost.CancelMigration request) {
    steer(request.migrationId(), Session::cancel, request.replyTo());
  }

  void switchToPostcopy(VmHost.SwitchToPostcopy request) {
    steer(request.migrationId(), Session::switchToPostcopy, request.replyTo());
  }

  private void steer(
      String id,
      Function<Session, Consumer<ActorRef<VmHost.Reply>>> how,
      ActorRef<VmHost.Reply> replyTo) {
    Session session = sessions.get(id);
    if (session == null) {
      reject(replyTo, "There is no migration " + id + " under way on this node.");
    } else {
      how.apply(session).accept(replyTo);
    }
  }

  private static void reject(ActorRef<VmHost.Reply> replyTo, String reason) {
    replyTo.tell(new VmHost.Rejected(FailureCode.WRONG_STATE, reason));
  }

  private static String notHybrid(String id) {
    return "Migration " + id + " cannot switch to postcopy: it was not started in hybrid mode.";
  }

  private static String notHere(String id) {
    return "Migration " + id + " arrives here; its source switches it to postcopy.";
  }

  /** Whether the guest has left this host by it, for good. */
  boolean isDeparture(MigrationEvent event) {
    Session session = sessions.get(event.migrationId());
    return session != null
        && session.departing() != null
        && event instanceof MigrationEvent.Finished;
  }

  /**
   * Forgets a migration that has ended.
   *
   * @return tells who follows it
   */
  Runnable heard(MigrationEvent event) {
    String id = event.migrationId();
    Session session = sessions.get(id);
    if (session == null) {
      return () -> {};
    }
    if (!(event instanceof MigrationEvent.Progressed) && !mayGoOn(session, event)) {
      sessions.remove(id);
    }
    return () -> session.follower().tell(event);
  }

  /** A guest that was handed over, and not for good: {@link Vm.Recover}. */
  private static boolean mayGoOn(Session session, MigrationEvent event) {
    return session.departing() != null
        && event instanceof MigrationEvent.Failed failed
        && failed.failure().guestLocation() != GuestLocation.SOURCE;
  }

  /** Forgets one that did not start. */
  void forget(String id) {
    sessions.remove(id);
  }

  /** Forgets those of a virtual machine that was deleted. */
  void forgetAllOf(String vm) {
    sessions.values().removeIf(session -> vm.equals(session.departing()));
  }

  /** Carries the session's first answer, the address it listens at, to the caller. */
  private record Listening(ActorRef<VmHost.Reply> replyTo) implements MigrationDestination.Bound {
    @Override
    public void listening(String migrationId, String url) {
      replyTo.tell(new VmHost.MigrationStarted(migrationId, url));
    }

    @Override
    public void failed(FailureCode code, String reason) {
      replyTo.tell(new VmHost.Rejected(code, reason));
    }
  }
}
