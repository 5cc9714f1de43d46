package io.vmferry.daemon.offload;

import io.vmferry.actors.snapshot.SnapshotProgress;
import io.vmferry.actors.snapshot.SnapshotReceiver;
import io.vmferry.kvm.sandbox.SeccompMode;
import io.vmferry.streams.snapshot.SnapshotWriter;
import io.vmferry.streams.snapshot.Workers;
import java.io.IOException;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.stream.Materializer;

/** Takes one snapshot of the VMM that connects first. */
public final class OffloadSnapshot {
  private OffloadSnapshot() {}

  /**
   * Waits for the VMM and takes the snapshot; blocks.
   *
   * @param socket listening already, so that a VMM need not wait for what is started here
   * @param seccomp fences in who hears the VMM
   * @return bytes that the memory takes in the snapshot
   * @throws IOException with one sentence for the user if there is no snapshot
   */
  public static long take(
      OffloadSocket socket, SnapshotWriter writer, SnapshotProgress progress, SeccompMode seccomp)
      throws IOException {
    ActorSystem system = OffloadSystem.create(seccomp);
    try (SnapshotReceiver receiver = new SnapshotReceiver(writer, progress)) {
      CompletionStage<Void> taken =
          receiver.receive(socket.listener(), Materializer.matFromSystem(system));
      Void unused = Workers.result(taken.toCompletableFuture(), "the snapshot");
      return writer.storedBytes();
    } finally {
      system.terminate();
    }
  }
}
