package io.vmferry.streams.transfer;

import java.io.IOException;
import java.util.function.Consumer;
import org.apache.pekko.stream.Attributes;
import org.apache.pekko.stream.FlowShape;
import org.apache.pekko.stream.Inlet;
import org.apache.pekko.stream.Outlet;
import org.apache.pekko.stream.stage.AbstractInOutHandler;
import org.apache.pekko.stream.stage.GraphStage;
import org.apache.pekko.stream.stage.GraphStageLogic;

/**
 * One connection's stage: sends a chunk, blocking, and says what it took. All are acknowledged once
 * the stage has stopped. Must run on a dispatcher for blocking work.
 */
final class SendStage extends GraphStage<FlowShape<Chunk, RoundResult>> {
  private final Inlet<Chunk> in = Inlet.create("SendStage.in");
  private final Outlet<RoundResult> out = Outlet.create("SendStage.out");
  private final FlowShape<Chunk, RoundResult> shape = FlowShape.of(in, out);
  private final MemorySender sender;
  private final Consumer<Throwable> onFailure;
  private final Runnable onStop;

  /**
   * @param onFailure called when sending failed, before the stage fails or has stopped
   * @param onStop called once, when this stage touches guest memory no more
   */
  SendStage(MemorySender sender, Consumer<Throwable> onFailure, Runnable onStop) {
    this.sender = sender;
    this.onFailure = onFailure;
    this.onStop = onStop;
  }

  @Override
  public FlowShape<Chunk, RoundResult> shape() {
    return shape;
  }

  @Override
  public GraphStageLogic createLogic(Attributes attributes) {
    return new GraphStageLogic(shape) {
      {
        setHandlers(
            in,
            out,
            new AbstractInOutHandler() {
              @Override
              public void onPush() {
                Chunk chunk = grab(in);
                try {
                  RoundResult sent = sender.send(chunk);
                  if (sent != null) {
                    push(out, sent);
                  } else {
                    // The cancellation of a stopped round is on its way here.
                    completeStage();
                  }
                } catch (IOException | RuntimeException e) {
                  onFailure.accept(e);
                  failStage(e);
                }
              }

              @Override
              public void onPull() {
                pull(in);
              }
            });
      }

      @Override
      public void postStop() {
        try {
          sender.finish();
        } catch (IOException | RuntimeException e) {
          onFailure.accept(e);
        } finally {
          onStop.run();
        }
      }
    };
  }
}
