package io.vmferry.cluster.testing;

import io.vmferry.actors.VmHost;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.LifeCycle;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** A VM host without a hypervisor: it speaks {@link VmHost}'s protocol and pretends the rest. */
public final class FakeVmHost {
  private final FakeScript script;
  private final FakeGuests guests;
  private final Map<String, FakeSession> sessions = new ConcurrentHashMap<>();

  private FakeVmHost(FakeScript script, FakeGuests guests) {
    this.script = script;
    this.guests = guests;
  }

  public static Behavior<VmHost.Command> create(FakeScript script, FakeGuests guests) {
    return Behaviors.setup(context -> new FakeVmHost(script, guests).hosting());
  }

  private Behavior<VmHost.Command> hosting() {
    return Behaviors.receive(VmHost.Command.class)
        .onMessage(VmHost.ListVms.class, this::onList)
        .onMessage(VmHost.SendVm.class, this::onSend)
        .onMessage(VmHost.ReceiveVm.class, this::onReceive)
        .onMessage(VmHost.CancelMigration.class, this::onCancel)
        .onSignal(PostStop.class, s -> onStop())
        .build();
  }

  private Behavior<VmHost.Command> onList(VmHost.ListVms message) {
    message.replyTo().tell(new VmHost.Listed(guests.list()));
    return Behaviors.same();
  }

  private Behavior<VmHost.Command> onSend(VmHost.SendVm message) {
    if (script.silent) {
      return Behaviors.same();
    }
    LifeCycle now = guests.lifeCycle(message.name());
    if (script.refuseSend || now == null) {
      message
          .replyTo()
          .tell(new VmHost.Rejected(FailureCode.WRONG_STATE, "The guest cannot be sent now."));
      return Behaviors.same();
    }
    FakeSession session = session(message.options().mode(), message.follower());
    message
        .replyTo()
        .tell(new VmHost.MigrationStarted(session.id(), message.options().destinationUrl()));
    session.send(message.name(), message.options().destinationUrl());
    return Behaviors.same();
  }

  private Behavior<VmHost.Command> onReceive(VmHost.ReceiveVm message) {
    if (script.silent) {
      return Behaviors.same();
    }
    if (script.refuseReceive) {
      message
          .replyTo()
          .tell(
              new VmHost.Rejected(
                  FailureCode.NOT_ENOUGH_MEMORY, "There is no memory for another guest."));
      return Behaviors.same();
    }
    FakeSession session = session(message.options().mode(), message.follower());
    try {
      String url = session.receive(message.options().receiverUrl());
      message.replyTo().tell(new VmHost.MigrationStarted(session.id(), url));
    } catch (IOException e) {
      message.replyTo().tell(new VmHost.Rejected(FailureCode.ADDRESS_UNUSABLE, e.toString()));
    }
    return Behaviors.same();
  }

  private FakeSession session(MemoryMode mode, ActorRef<MigrationEvent> follower) {
    String id = "s-" + UUID.randomUUID().toString().substring(0, 8);
    FakeSession session = new FakeSession(id, mode, script, guests, follower);
    sessions.put(id, session);
    return session;
  }

  private Behavior<VmHost.Command> onCancel(VmHost.CancelMigration message) {
    FakeSession session = sessions.get(message.migrationId());
    boolean inTime = session != null && session.cancel();
    message
        .replyTo()
        .tell(
            inTime
                ? new VmHost.Done()
                : new VmHost.Rejected(FailureCode.WRONG_STATE, "It is too late to cancel."));
    return Behaviors.same();
  }

  private Behavior<VmHost.Command> onStop() {
    for (FakeSession session : sessions.values()) {
      try {
        session.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return Behaviors.same();
  }
}
