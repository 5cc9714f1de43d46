package io.vmferry.daemon.cli;

import io.vmferry.daemon.offload.OffloadProgress;
import io.vmferry.daemon.offload.OffloadSnapshot;
import io.vmferry.daemon.offload.OffloadSocket;
import io.vmferry.streams.snapshot.SnapshotWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code vmferry offload snapshot}. */
@Command(
    name = "snapshot",
    description = {
      "Waits for a VMM at a UNIX socket or a TCP port and keeps the guest it sends.",
      "The VMM sends it with:",
      "ch-remote send-migration destination_url=unix:SOCKET,local=on, or over TCP with",
      "ch-remote send-migration destination_url=tcp:HOST:PORT[,connections=N][,tls_dir=DIR]"
    })
final class OffloadSnapshotCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = "--socket",
      paramLabel = "SOCKET",
      description = "The socket to make; SOCKET.lock beside it keeps a second daemon away.")
  private @Nullable Path socket;

  @Option(
      names = "--listen",
      paramLabel = "tcp:HOST:PORT",
      description = "Instead of a socket, for a VMM of another host; port 0 is any free one.")
  private @Nullable String listen;

  @Mixin private SnapshotTarget output = new SnapshotTarget();
  @Mixin private LandlockOption landlock = new LandlockOption();
  @Mixin private SeccompOption seccomp = new SeccompOption();
  @Mixin private OffloadProgressOption progress = new OffloadProgressOption();

  OffloadSnapshotCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    try {
      output.keep(
          console,
          OffloadAddress.of(socket, listen, "--listen"),
          progress,
          place -> landlock.bind(console, LandlockOption.around(place, socket)),
          this::take);
      return ExitCodes.OK;
    } catch (IOException | IllegalArgumentException e) {
      throw CommandFailure.of(e);
    }
  }

  private long take(OffloadSocket listening, SnapshotWriter writer, OffloadProgress shown)
      throws IOException {
    console.note("Waiting for a VMM at " + listening.listener().url() + " ...");
    return OffloadSnapshot.take(listening, writer, shown, seccomp.mode());
  }
}
