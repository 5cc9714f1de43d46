package io.vmferry.streams.transfer;

import static java.util.concurrent.TimeUnit.SECONDS;

import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.stream.Materializer;

/**
 * The actor system that the streams of a test class run in: a static field with {@code @AutoClose}.
 */
final class StreamSystem implements AutoCloseable {
  private final ActorSystem system;
  private final Materializer materializer;

  StreamSystem(String name) {
    system = ActorSystem.create(name);
    materializer = Materializer.createMaterializer(system);
  }

  Materializer materializer() {
    return materializer;
  }

  /** Returns once every actor has ended. */
  @Override
  public void close() {
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().orTimeout(30, SECONDS).join();
  }
}
