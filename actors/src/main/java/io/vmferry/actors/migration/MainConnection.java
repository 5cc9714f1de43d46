package io.vmferry.actors.migration;

import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transfer.InboundCommands;
import io.vmferry.streams.transfer.PrecopySender;
import io.vmferry.streams.transport.Connection;
import java.util.function.Consumer;
import org.apache.pekko.stream.ActorAttributes;
import org.apache.pekko.stream.Materializer;
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
   * @param connection fresh; the caller closes it, and that ends this
   * @param failed hears of what ends it too early, in place of {@link ReceptionEvents#failed}
   */
  public static void serve(
      Connection connection,
      ReceptionEvents events,
      Consumer<Throwable> failed,
      Materializer materializer) {
    MainConnection main = new MainConnection(events, failed);
    InboundCommands.source(connection)
        .runWith(
            Sink.<Inbound>foreach(main::onInbound)
                .withAttributes(ActorAttributes.dispatcher(PrecopySender.BLOCKING_DISPATCHER)),
            materializer)
        .whenComplete(
            (done, failure) -> {
              if (failure == null) {
                events.ended();
              } else {
                failed.accept(failure);
              }
            });
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
