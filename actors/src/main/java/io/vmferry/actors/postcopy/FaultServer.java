package io.vmferry.actors.postcopy;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.sandbox.Outside;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.transfer.FaultServing;
import io.vmferry.streams.transfer.PushOrder;
import io.vmferry.streams.transfer.PushSending;
import io.vmferry.streams.transfer.SendProgress;
import io.vmferry.streams.transfer.Throttle;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * Answers the destination's page requests from the frozen memory of a guest that has moved, and
 * pushes the rest where that was agreed.
 *
 * <p>Owns the connections and the threads on them: page bytes and page requests never pass a
 * mailbox. Ends with exactly one event. A closed connection is a break unless the destination has
 * every page, and the pages stay here.
 */
public final class FaultServer {
  /** What a fault server is told. */
  public sealed interface Command {}

  /** The guest runs on the destination: pages go there unasked, over these connections. */
  public record Push(List<Connection> connections) implements Command {
    /** Copies the list. */
    public Push {
      connections = List.copyOf(connections);
    }
  }

  /** Closes the connections and stops. */
  public record Stop() implements Command {}

  record Ended() implements Command {}

  record Failed(Exception cause) implements Command {}

  /** How serving ended. */
  public sealed interface Event {}

  /** The destination has every page. */
  public record Drained() implements Event {}

  /** A connection ended before the destination had every page. */
  public record Broken(Exception cause) implements Event {}

  private final ActorContext<Command> context;
  private final GuestMemory memory;
  private final PresentBitmap served;
  private final Extensions agreed;
  private final Throttle throttle;
  private final Duration silence;
  private final SendProgress progress;
  private final ActorRef<Event> owner;
  private final PushOrder order = new PushOrder();
  private final List<Connection> connections = new ArrayList<>();
  private int running;

  private FaultServer(
      ActorContext<Command> context,
      GuestMemory memory,
      PresentBitmap served,
      Extensions agreed,
      Throttle throttle,
      Duration silence,
      SendProgress progress,
      ActorRef<Event> owner) {
    this.context = context;
    this.memory = memory;
    this.served = served;
    this.agreed = agreed;
    this.throttle = throttle;
    this.silence = silence;
    this.progress = progress;
    this.owner = owner;
  }

  /**
   * Starts to serve at once.
   *
   * @param faults the fault connections; closed when this actor ends
   * @param memory the guest's memory, which nothing writes to any more
   * @param served from {@link FaultServing#servedPages}: the pages that need not be sent again
   * @param agreed the migration's extensions
   * @param throttle for what is pushed; demanded pages do not wait for it
   * @param silence within it a push connection brings something, throttled or not
   * @param progress told of what is sent, on the threads that send
   * @param owner hears the one event
   */
  public static Behavior<Command> create(
      List<Connection> faults,
      GuestMemory memory,
      PresentBitmap served,
      Extensions agreed,
      Throttle throttle,
      Duration silence,
      SendProgress progress,
      ActorRef<Event> owner) {
    return Behaviors.setup(
        context ->
            new FaultServer(context, memory, served, agreed, throttle, silence, progress, owner)
                .serve(faults));
  }

  private Behavior<Command> serve(List<Connection> faults) {
    boolean push = agreed.has(Extension.PUSH);
    for (Connection connection : faults) {
      FaultServing serving =
          new FaultServing(
              connection,
              memory,
              served,
              agreed,
              push ? order : null,
              bytes -> progress.sent(bytes, bytes));
      start("fault-server-", connection, serving::run);
    }
    return Behaviors.receive(Command.class)
        .onMessage(Push.class, this::onPush)
        .onMessage(Ended.class, m -> onEnded())
        .onMessage(Failed.class, m -> end(new Broken(m.cause())))
        .onMessage(Stop.class, m -> Behaviors.stopped())
        .onSignal(PostStop.class, s -> close())
        .build();
  }

  private Behavior<Command> onPush(Push push) {
    for (Connection connection : push.connections()) {
      PushSending sending =
          new PushSending(connection, memory, served, order, agreed, throttle, silence, progress);
      start("push-", connection, sending::run);
    }
    return Behaviors.same();
  }

  /** What a thread of this actor does until it ends. */
  private interface Work {
    void run() throws IOException;
  }

  private void start(String name, Connection connection, Work work) {
    connections.add(connection);
    running++;
    ActorRef<Command> self = context.getSelf();
    Sandbox sandbox = Sandbox.of(context.getSystem());
    sandbox
        .thread(
            SandboxRole.SERVES_PAGES,
            name + self.path().parent().name(),
            () -> {
              Command end = run(work, sandbox);
              Outside.run(() -> self.tell(end));
            })
        .start();
  }

  private static Command run(Work work, Sandbox sandbox) {
    try {
      work.run();
      return new Ended();
    } catch (IOException | RuntimeException e) {
      return new Failed(sandbox.noticed(e));
    }
  }

  /** The fault connections end last: the destination has what was pushed when it says so there. */
  private Behavior<Command> onEnded() {
    running--;
    return running == 0 ? end(new Drained()) : Behaviors.same();
  }

  private Behavior<Command> end(Event event) {
    owner.tell(event);
    return Behaviors.stopped();
  }

  private Behavior<Command> close() {
    connections.forEach(Connection::close);
    return Behaviors.same();
  }
}
