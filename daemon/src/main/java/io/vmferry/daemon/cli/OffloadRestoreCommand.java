package io.vmferry.daemon.cli;

import io.vmferry.actors.snapshot.RemoteSnapshotSender;
import io.vmferry.actors.snapshot.SnapshotSender;
import io.vmferry.daemon.offload.OffloadProgress;
import io.vmferry.daemon.offload.OffloadRestore;
import io.vmferry.daemon.offload.SnapshotPlace;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.snapshot.SnapshotReader;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.WireLimits;
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
      "Sends a snapshot to a VMM that waits for one at a UNIX socket or a TCP port.",
      "The VMM waits with: ch-remote receive-migration receiver_url=unix:SOCKET (tcp:HOST:PORT), and with",
      "memory_mode=postcopy for --ondemand."
    })
final class OffloadRestoreCommand implements Callable<Integer> {
  private final Console console;

  @Option(names = "--socket", paramLabel = "SOCKET", description = "Where the VMM listens.")
  private @Nullable Path socket;

  @Option(
      names = "--connect",
      paramLabel = "tcp:HOST:PORT",
      description = "Instead of a socket: where the VMM of another host listens.")
  private @Nullable String connect;

  @Option(
      names = "--connections",
      paramLabel = "N",
      description = "With --connect: connections that carry memory, 1 to 128. Default: 1.")
  private int connections = 1;

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

  @Option(
      names = "--no-working-set",
      description = {
        "On demand: do not load first what earlier restores of this snapshot demanded,",
        "and do not record what this one does."
      })
  private boolean noWorkingSet;

  @Mixin private SnapshotFlags stored = new SnapshotFlags();
  @Mixin private StoreKeyOption key = new StoreKeyOption();
  @Mixin private StoreAccessOption access = new StoreAccessOption();
  @Mixin private LandlockOption landlock = new LandlockOption();
  @Mixin private SeccompOption seccomp = new SeccompOption();
  @Mixin private OffloadProgressOption progress = new OffloadProgressOption();

  OffloadRestoreCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    SnapshotPlace place = stored.place(inputDir, "--input-dir");
    landlock.bind(console, LandlockOption.in(place));
    OffloadProgress shown = progress.on(console);
    try {
      MigrationUrl url = url();
      SnapshotPlace.Opened<SnapshotReader> source = place.read(access.access(), key.load());
      try (SnapshotReader snapshot = source.snapshot()) {
        send(snapshot, url, shown);
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

  private MigrationUrl url() {
    MigrationUrl url = OffloadAddress.of(socket, connect, "--connect");
    if (connections < 1 || connections > WireLimits.CONNECTIONS) {
      throw new CommandFailure(ExitCodes.USAGE, "--connections takes 1 to 128");
    }
    if (connections > 1 && (onDemand || url instanceof MigrationUrl.Unix)) {
      throw new CommandFailure(
          ExitCodes.USAGE, "--connections is for --connect without --ondemand");
    }
    return url;
  }

  private void send(SnapshotReader snapshot, MigrationUrl url, OffloadProgress shown)
      throws IOException {
    if (url instanceof MigrationUrl.Tcp tcp) {
      sendFar(snapshot, tcp, shown);
      return;
    }
    Sandbox sandbox = Sandbox.of(seccomp.mode());
    try (SnapshotSender sender = new SnapshotSender(snapshot, url, resume, shown, sandbox)) {
      if (onDemand) {
        sender.restoreOnDemand(!noWorkingSet);
      } else {
        sender.restore();
      }
    }
  }

  private void sendFar(SnapshotReader snapshot, MigrationUrl.Tcp url, OffloadProgress shown)
      throws IOException {
    try (RemoteSnapshotSender sender =
        new RemoteSnapshotSender(
            snapshot, url, access.tlsDir(), resume, shown, Sandbox.of(seccomp.mode()))) {
      if (onDemand) {
        sender.restoreOnDemand();
      } else {
        OffloadRestore.send(sender, connections, seccomp.mode());
      }
    }
  }
}
