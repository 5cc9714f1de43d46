package io.vmferry.daemon.bench;

import io.vmferry.daemon.api.Json;
import io.vmferry.daemon.process.NodeChild;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The offload commands in processes of their own: by bin/vmferry where this was started so, and
 * else by the JVM of this process.
 */
final class OffloadDaemon {
  // What bin/vmferry gives an offload command.
  private static final List<String> JVM_OPTIONS =
      List.of("-Xmx512m", "-XX:+UseSerialGC", "-Xshare:auto");
  private static final long LIMIT_S = 900;
  private static final long POLL_MS = 1;

  private final Cleanup cleanup;

  OffloadDaemon(Cleanup cleanup) {
    this.cleanup = cleanup;
  }

  private static List<String> launcher() {
    String script = System.getenv("VMFERRY_LAUNCHER");
    if (script != null) {
      return List.of(script);
    }
    List<String> line = new ArrayList<>(NodeChild.java(JVM_OPTIONS));
    line.add("io.vmferry.daemon.cli.Main");
    return line;
  }

  private PeerProcess start(String command, Path socket, List<String> arguments)
      throws IOException {
    List<String> line = new ArrayList<>(launcher());
    line.addAll(List.of("offload", command, "--socket", socket.toString(), "-o", "json"));
    line.addAll(arguments);
    return PeerProcess.start("offload " + command, line, cleanup);
  }

  /**
   * A snapshot.
   *
   * @param millis the guest stood still for
   * @param storedBytes that its memory added
   */
  record Snapshot(double millis, long storedBytes) {}

  /** Takes a snapshot of a guest. */
  Snapshot snapshot(OffloadGuest guest, Path socket, List<String> target)
      throws IOException, InterruptedException {
    try (PeerProcess daemon = start("snapshot", socket, target)) {
      String waiting = daemon.line(LIMIT_S);
      if (!waiting.startsWith("Waiting")) {
        throw new BenchFailure("offload snapshot said: " + waiting);
      }
      double millis = guest.handOver(socket);
      long stored = storedBytes(daemon);
      daemon.awaitEnd(LIMIT_S);
      return new Snapshot(millis, stored);
    }
  }

  /** Out of its last line, which is an object; those before say how far it is. */
  private static long storedBytes(PeerProcess daemon) throws IOException, InterruptedException {
    String line = daemon.line(LIMIT_S);
    while (!line.startsWith("{")) {
      line = daemon.line(LIMIT_S);
    }
    return Json.LENIENT.readTree(line).get("stored_bytes").asLong();
  }

  /** What is done with a guest while its daemon lives. */
  @FunctionalInterface
  interface Work<T> {
    T with(OffloadVmm vmm) throws IOException, InterruptedException;
  }

  /** Restores a snapshot into a VMM. */
  <T> T restore(Path socket, List<String> source, Work<T> work)
      throws IOException, InterruptedException {
    List<String> arguments = new ArrayList<>(source);
    arguments.add("--resume");
    try (OffloadVmm vmm = OffloadVmm.listen(socket);
        PeerProcess daemon = start("restore", socket, arguments)) {
      T result = work.with(vmm);
      vmm.hangUp(); // on demand the daemon waits for it
      daemon.awaitEnd(LIMIT_S);
      return result;
    }
  }

  /** Milliseconds from the start of a command to its socket, which is not there before. */
  double startUp(Path socket, Path target) throws IOException, InterruptedException {
    Files.deleteIfExists(socket); // of a daemon that was killed
    long start = System.nanoTime();
    try (PeerProcess daemon =
        start("snapshot", socket, List.of("--output-dir", target.toString()))) {
      while (!Files.exists(socket)) {
        if (!daemon.isAlive()) {
          throw new BenchFailure("offload snapshot said: " + daemon.line(LIMIT_S));
        }
        TimeUnit.MILLISECONDS.sleep(POLL_MS);
      }
      return (System.nanoTime() - start) / 1e6;
    }
  }
}
