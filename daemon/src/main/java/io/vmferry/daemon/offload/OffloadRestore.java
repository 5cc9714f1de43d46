package io.vmferry.daemon.offload;

import io.vmferry.actors.snapshot.RemoteSnapshotSender;
import io.vmferry.kvm.sandbox.SeccompMode;
import java.io.IOException;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.stream.Materializer;

/** Sends the memory of a snapshot to another host. */
public final class OffloadRestore {
  private OffloadRestore() {}

  /**
   * Sends all memory and hands the guest over; blocks.
   *
   * @param connections that carry memory, 1 to 128
   * @param seccomp as the sender's
   * @throws IOException with one sentence for the user if the guest is not restored
   */
  public static void send(RemoteSnapshotSender sender, int connections, SeccompMode seccomp)
      throws IOException {
    ActorSystem system = OffloadSystem.create(seccomp);
    try {
      sender.restore(connections, Materializer.matFromSystem(system));
    } finally {
      system.terminate();
    }
  }
}
