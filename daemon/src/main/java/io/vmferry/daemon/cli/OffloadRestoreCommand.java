package io.vmferry.daemon.cli;

import io.vmferry.actors.snapshot.SnapshotSender;
import io.vmferry.daemon.offload.OffloadProgress;
import io.vmferry.streams.snapshot.DirectoryReader;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
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
      required = true,
      description = "The snapshot, of this daemon or of Cloud Hypervisor's.")
  private Path inputDir = Path.of("");

  @Option(names = "--resume", description = "Let the guest run; without it stays paused.")
  private boolean resume;

  @Option(
      names = "--ondemand",
      description =
          "Start at once, and bring memory as the guest touches it and in the background.")
  private boolean onDemand;

  @Mixin private OffloadProgressOption progress = new OffloadProgressOption();

  OffloadRestoreCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    OffloadProgress shown = progress.on(console);
    try (DirectoryReader snapshot = DirectoryReader.open(inputDir);
        SnapshotSender sender =
            new SnapshotSender(snapshot, new MigrationUrl.Unix(socket), resume, shown)) {
      if (onDemand) {
        sender.restoreOnDemand();
      } else {
        sender.restore();
      }
    } catch (IOException | IllegalArgumentException e) {
      throw CommandFailure.of(e);
    } finally {
      shown.finish();
    }
    console.note("The guest is restored" + (resume ? " and runs." : ", and paused."));
    return ExitCodes.OK;
  }
}
