package io.vmferry.daemon.cli;

import io.vmferry.actors.snapshot.SnapshotSender;
import io.vmferry.daemon.offload.OffloadProgress;
import io.vmferry.daemon.offload.SnapshotPlace;
import io.vmferry.streams.snapshot.SnapshotReader;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code vmferry offload restore}. */
@Command(
    name = "restore",
    description = {
      "Sends a snapshot to a VMM that waits for one at a UNIX socket.",
      "The VMM waits with: ch-remote receive-migration receiver_url=unix:SOCKET, and with",
      "memory_mode=postcopy for --ondemand."
    })
final class OffloadRestoreCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = "--socket",
      paramLabel = "SOCKET",
      required = true,
      description = "Where the VMM listens.")
  private Path socket = Path.of("");

  @Option(
      names = "--input-dir",
      paramLabel = "DIR",
      description = "The snapshot, of this daemon or of Cloud Hypervisor's.")
  private @Nullable Path inputDir;

  @Option(names = "--resume", description = "Let the guest run; without it stays paused.")
  private boolean resume;

  @Option(
      names = "--ondemand",
      description =
          "Start at once, and bring memory as the guest touches it and in the background.")
  private boolean onDemand;

  @Mixin private SnapshotFlags stored = new SnapshotFlags();
  @Mixin private StoreKeyOption key = new StoreKeyOption();
  @Mixin private StoreAccessOption access = new StoreAccessOption();
  @Mixin private OffloadProgressOption progress = new OffloadProgressOption();

  OffloadRestoreCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    SnapshotPlace place = stored.place(inputDir, "--input-dir");
    OffloadProgress shown = progress.on(console);
    try {
      SnapshotPlace.Opened<SnapshotReader> source = place.read(access.access(), key.load());
      try (SnapshotReader snapshot = source.snapshot()) {
        send(snapshot, shown);
      } finally {
        source.closeStore();
      }
    } catch (IOException | IllegalArgumentException e) {
      throw CommandFailure.of(e);
    } finally {
      shown.finish();
    }
    console.note("The guest is restored" + (resume ? " and runs." : ", and paused."));
    return ExitCodes.OK;
  }

  private void send(SnapshotReader snapshot, OffloadProgress shown) throws IOException {
    try (SnapshotSender sender =
        new SnapshotSender(snapshot, new MigrationUrl.Unix(socket), resume, shown)) {
      if (onDemand) {
        sender.restoreOnDemand();
      } else {
        sender.restore();
      }
    }
  }
}
