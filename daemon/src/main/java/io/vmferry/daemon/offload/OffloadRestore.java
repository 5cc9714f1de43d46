package io.vmferry.daemon.offload;

import com.typesafe.config.ConfigFactory;
import io.vmferry.actors.snapshot.RemoteSnapshotSender;
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
   * @throws IOException with one sentence for the user if the guest is not restored
   */
  public static void send(RemoteSnapshotSender sender, int connections) throws IOException {
    ActorSystem system = ActorSystem.create("offload", ConfigFactory.load());
    try {
      sender.restore(connections, Materializer.matFromSystem(system));
    } finally {
      system.terminate();
    }
  }
}
