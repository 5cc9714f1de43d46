package io.vmferry.actors.vm;

import java.util.function.Consumer;
import org.apache.pekko.actor.typed.ActorRef;

/**
 * How a {@link Vm} steers the migration session that owns its guest; each call only tells it.
 *
 * @param cancel it shall give up
 * @param switchToPostcopy it shall end its rounds, if it is a hybrid one
 * @param recover it shall try to reconnect now, if it is broken; whoever is given hears what came
 *     of it
 */
record SessionControl(
    Runnable cancel, Runnable switchToPostcopy, Consumer<ActorRef<Vm.Reply>> recover) {
  /** Of a guest that arrives: whoever receives it steers its own session. */
  static final SessionControl NONE =
      new SessionControl(
          () -> {},
          () -> {},
          replyTo ->
              replyTo.tell(
                  new Vm.Rejected(
                      FailureCode.WRONG_STATE,
                      "This VM arrives here; its source recovers the migration.")));
}
