package io.vmferry.daemon.cli;

import io.vmferry.daemon.offload.SnapshotPlace;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.sandbox.Landlock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where an offload command can change files: nowhere but where it must. */
final class LandlockOption {
  /** The choices. */
  enum Choice {
    on,
    off
  }

  @Option(
      names = "--landlock",
      paramLabel = "ON",
      description = {
        "${COMPLETION-CANDIDATES}: with on, this process can change no file but the snapshot's, the",
        "socket's and temporary ones, where the kernel can see to that. Default: on."
      })
  private Choice choice = Choice.on;

  /**
   * Binds this process, before it starts a thread. Not if others share it, as tests do.
   *
   * @param directories that it writes to, or that shall be made
   */
  void bind(Console console, List<Path> directories) {
    if (choice == Choice.off || !console.ownsProcess()) {
      return;
    }
    List<Path> writable = new ArrayList<>();
    writable.add(Path.of(System.getProperty("java.io.tmpdir")));
    writable.add(Path.of(System.getProperty("user.home"), ".cache", "JNA"));
    writable.add(Path.of("/dev/null"));
    directories.forEach(directory -> writable.add(existing(directory)));
    try {
      boolean unused = Landlock.allowWritesBelow(writable);
    } catch (SyscallException e) {
      throw new CommandFailure(
          ExitCodes.FAILED,
          "The kernel did not restrict this process ("
              + e.getMessage()
              + "); --landlock off does without.",
          e);
    }
  }

  /** What a command writes that makes a snapshot there: it is made beside its place first. */
  static List<Path> around(SnapshotPlace place, @Nullable Path socket) {
    List<Path> directories = new ArrayList<>(in(place));
    if (place instanceof SnapshotPlace.Directory directory) {
      directories.add(directory.path().toAbsolutePath().normalize().resolveSibling("."));
    }
    if (socket != null) {
      directories.add(socket.toAbsolutePath().normalize().resolveSibling("."));
    }
    return directories;
  }

  /** What a command writes that reads the snapshot: the working set. */
  static List<Path> in(SnapshotPlace place) {
    if (place instanceof SnapshotPlace.Directory directory) {
      return List.of(directory.path());
    }
    String store = ((SnapshotPlace.Stored) place).store();
    return store.startsWith("tcp:") ? List.of() : List.of(Path.of(store));
  }

  /** The directory, or the first above it that is there. */
  private static Path existing(Path directory) {
    Path path = directory.toAbsolutePath().normalize();
    while (!Files.exists(path) && path.getParent() != null) {
      path = path.getParent();
    }
    return path;
  }
}
