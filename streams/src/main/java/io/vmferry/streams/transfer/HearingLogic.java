package io.vmferry.streams.transfer;

import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.streams.sandbox.FencedWorker;
import io.vmferry.streams.sandbox.Sandbox;
import java.io.IOException;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.apache.pekko.stream.Shape;
import org.apache.pekko.stream.stage.GraphStageLogic;
import org.jspecify.annotations.Nullable;

/** The logic of a stage that parses a peer's bytes, which it does on a fenced thread of its own. */
abstract class HearingLogic extends GraphStageLogic {
  private final String name;
  private @Nullable FencedWorker worker;

  /**
   * A logic that has not started.
   *
   * @param name of its thread
   */
  HearingLogic(Shape shape, String name) {
    super(shape);
    this.name = name;
  }

  @Override
  public final void preStart() {
    worker = Sandbox.of(materializer().system()).worker(SandboxRole.HEARS_PEER, name);
  }

  @Override
  public final void postStop() {
    if (worker != null) {
      worker.close();
    }
  }

  /** Has something read and parsed on the fenced thread, and waits for it. */
  final <T> T hear(Callable<T> task) throws IOException {
    return Objects.requireNonNull(worker).call(task);
  }
}
