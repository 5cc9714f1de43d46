package io.vmferry.actors.migration;

import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transfer.InboundCommands;
import io.vmferry.streams.transfer.PrecopySender;
import io.vmferry.streams.transport.Connection;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import org.apache.pekko.Done;
import org.apache.pekko.japi.Pair;
import org.apache.pekko.stream.ActorAttributes;
import org.apache.pekko.stream.KillSwitch;
import org.apache.pekko.stream.KillSwitches;
import org.apache.pekko.stream.Materializer;
import org.apache.pekko.stream.UniqueKillSwitch;
import org.apache.pekko.stream.javadsl.Keep;
import org.apache.pekko.stream.javadsl.Sink;

/** What comes over the connection that a source opens first, told as {@link ReceptionEvents}. */
public final class MainConnection {
  private final ReceptionEvents events;
  private final Consumer<Throwable> failed;

  private MainConnection(ReceptionEvents events, Consumer<Throwable> failed) {
    this.events = events;
    this.failed = failed;
  }

  /**
   * Takes commands until the source has sent its last one; returns at once.
   *
   * @param connection fresh; the caller closes it
   * @param failed hears of what ends it too early, in place of {@link ReceptionEvents#failed}
   * @return ends this at once, behind the connection: a command that nobody answers any more waits
   *     for ever
   */
  public static KillSwitch serve(
      Connection connection,
      ReceptionEvents events,
      Consumer<Throwable> failed,
      Materializer materializer) {
    MainConnection main = new MainConnection(events, failed);
    Pair<UniqueKillSwitch, CompletionStage<Done>> served =
        InboundCommands.source(connection)
            .viaMat(KillSwitches.single(), Keep.right())
            .toMat(
                Sink.<Inbound>foreach(main::onInbound)
                    .withAttributes(ActorAttributes.dispatcher(PrecopySender.BLOCKING_DISPATCHER)),
                Keep.both())
            .run(materializer);
    served
        .second()
        .whenComplete(
            (done, failure) -> {
              if (failure == null) {
                events.ended();
              } else {
                failed.accept(failure);
              }
            });
    return served.first();
  }

  private void onInbound(Inbound event) {
    if (event instanceof Inbound.Closed end) {
      failed.accept(end.cause());
    } else if (event instanceof Inbound.Settled) {
      events.settled();
    } else if (!(event instanceof Inbound.Memory)) {
      events.inbound(event);
    }
  }
}
