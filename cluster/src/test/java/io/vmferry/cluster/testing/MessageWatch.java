package io.vmferry.cluster.testing;

import java.time.Duration;
import java.util.function.Function;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.BehaviorInterceptor;
import org.apache.pekko.actor.typed.TypedActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * Tells of each message whether the watched behavior's state lists it. A receive builder does not
 * check that a sealed protocol is covered: what is not listed is dropped, and nobody hears.
 */
public final class MessageWatch<T> extends BehaviorInterceptor<T, T> {
  /** A message was handled, or not. */
  public record Seen(Object message, boolean handled) {}

  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final ActorRef<Seen> observer;

  private MessageWatch(Class<T> protocol, ActorRef<Seen> observer) {
    super(protocol);
    this.observer = observer;
  }

  /** Watches a behavior. */
  public static <T> Behavior<T> of(
      Class<T> protocol, ActorRef<Seen> observer, Behavior<T> behavior) {
    return Behaviors.intercept(() -> new MessageWatch<>(protocol, observer), behavior);
  }

  @Override
  public Behavior<T> aroundReceive(TypedActorContext<T> context, T message, ReceiveTarget<T> next) {
    Behavior<T> after = next.apply(context, message);
    observer.tell(new Seen(message, !Behavior.isUnhandled(after)));
    return after;
  }

  /** Waits until this very message was received, and says whether it was handled. */
  public static boolean wasHandled(TestProbe<Seen> observer, Object message) {
    Seen seen;
    do {
      seen = observer.receiveMessage(PATIENCE);
    } while (seen.message() != message);
    return seen.handled();
  }

  /**
   * Sends each message of a protocol to an actor that is in one state, a fresh one each.
   *
   * @param inState makes an actor, watched for the observer, and brings it into the state
   */
  public static <T> void assertEveryMessageIsHandled(
      ActorTestKit kit,
      Class<T> protocol,
      Samples samples,
      Function<TestProbe<Seen>, ActorRef<T>> inState) {
    for (Object sample : samples.allOf(protocol)) {
      TestProbe<Seen> observer = kit.createTestProbe();
      ActorRef<T> actor = inState.apply(observer);
      T message = protocol.cast(sample);
      actor.tell(message);
      if (!wasHandled(observer, message)) {
        throw new AssertionError(message.getClass().getSimpleName() + " is not listed");
      }
      kit.stop(actor);
    }
  }
}
