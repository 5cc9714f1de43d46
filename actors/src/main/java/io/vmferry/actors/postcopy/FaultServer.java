package io.vmferry.actors.postcopy;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transfer.FaultServing;
import io.vmferry.streams.transport.Connection;
import java.io.IOException;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * Answers the destination's page requests from the frozen memory of a guest that has moved.
 *
 * <p>Owns the connection and the thread that serves it: page bytes and page requests never pass a
 * mailbox. Ends with exactly one event. A closed connection counts as the end only once every page
 * was served; before that it is a break, and the pages stay here.
 */
public final class FaultServer {
  /** What a fault server is told. */
  public sealed interface Command {}

  /** Closes the connection and stops. */
  public record Stop() implements Command {}

  record Served() implements Command {}

  record ServingFailed(Exception cause) implements Command {}

  /** How serving ended. */
  public sealed interface Event {}

  /** The destination has every page and closed the connection. */
  public record Drained() implements Event {}

  /** The connection ended before every page was served. */
  public record Broken(Exception cause) implements Event {}

  private FaultServer() {}

  /**
   * Starts to serve at once.
   *
   * @param connection the fault connection; closed when this actor ends
   * @param memory the guest's memory, which nothing writes to any more
   * @param served from {@link FaultServing#servedPages}: the pages that need not be sent again
   * @param owner hears the one event
   */
  public static Behavior<Command> create(
      Connection connection, GuestMemory memory, PresentBitmap served, ActorRef<Event> owner) {
    return Behaviors.setup(
        context -> {
          startThread(context, new FaultServing(connection, memory, served));
          return serving(connection, owner);
        });
  }

  private static void startThread(ActorContext<Command> context, FaultServing serving) {
    ActorRef<Command> self = context.getSelf();
    Thread thread =
        new Thread(
            () -> {
              try {
                serving.run();
                self.tell(new Served());
              } catch (IOException | RuntimeException e) {
                self.tell(new ServingFailed(e));
              }
            },
            "fault-server-" + context.getSelf().path().parent().name());
    thread.setDaemon(true);
    thread.start();
  }

  private static Behavior<Command> serving(Connection connection, ActorRef<Event> owner) {
    return Behaviors.receive(Command.class)
        .onMessage(Served.class, m -> end(new Drained(), owner))
        .onMessage(ServingFailed.class, m -> end(new Broken(m.cause()), owner))
        .onMessage(Stop.class, m -> Behaviors.stopped())
        .onSignal(PostStop.class, s -> close(connection))
        .build();
  }

  private static Behavior<Command> end(Event event, ActorRef<Event> owner) {
    owner.tell(event);
    return Behaviors.stopped();
  }

  private static Behavior<Command> close(Connection connection) {
    connection.close();
    return Behaviors.same();
  }
}
