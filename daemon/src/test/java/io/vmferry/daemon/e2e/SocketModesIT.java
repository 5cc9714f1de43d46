package io.vmferry.daemon.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vmferry.daemon.process.NodeChild;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sockets of commands whose user has no umask, watched from before they are there. */
@Timeout(120)
class SocketModesIT {
  private static final int LOOKS = 2000;

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "offload serve --socket SOCKET --dir SNAPSHOTS",
        "offload snapshot --socket SOCKET --output-dir SNAPSHOTS"
      })
  void aSocketIsForItsOwnerFromTheFirstMomentOn(String command) throws Exception {
    Path socket = directory.resolve("socket");
    List<String> line = new ArrayList<>(List.of("sh", "-c", "umask 000; exec \"$@\"", "sh"));
    line.addAll(NodeChild.java(List.of("-XX:TieredStopAtLevel=1")));
    line.add("io.vmferry.daemon.cli.Main");
    Stream.of(command.split(" "))
        .map(word -> word.equals("SOCKET") ? socket.toString() : word)
        .map(word -> word.equals("SNAPSHOTS") ? directory.resolve("snapshots").toString() : word)
        .forEach(line::add);
    Path output = directory.resolve("output");
    Process process =
        new ProcessBuilder(line).redirectErrorStream(true).redirectOutput(output.toFile()).start();
    try {
      Set<String> seen = new TreeSet<>();
      for (int looks = 0; looks < LOOKS; ) {
        String mode = mode(socket);
        if (mode != null) {
          seen.add(mode);
          looks++;
        } else if (!process.isAlive()) {
          throw new AssertionError("it ended: " + Files.readString(output));
        }
      }

      assertEquals(Set.of("rw-------"), seen);
    } finally {
      process.destroy();
      process.waitFor(30, TimeUnit.SECONDS);
      process.destroyForcibly();
    }
  }

  private static String mode(Path socket) throws IOException {
    try {
      return PosixFilePermissions.toString(Files.getPosixFilePermissions(socket));
    } catch (NoSuchFileException e) {
      return null;
    }
  }
}
