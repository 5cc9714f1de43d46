package io.vmferry.daemon.e2e;

import io.vmferry.daemon.client.NodeClient;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;

/** A node daemon in a JVM of its own, on loopback ports that were free. It rehearses nothing. */
public final class NodeJvm implements AutoCloseable {
  private static final long START_SECONDS = 120;
  private static final long STOP_SECONDS = 60;

  private final String name;
  private final Process process;
  private final NodeClient client;
  private final String cluster;
  private final Path log;

  private NodeJvm(String name, Process process, URI http, String cluster, Path log) {
    this.name = name;
    this.process = process;
    this.client = new NodeClient(http);
    this.cluster = cluster;
    this.log = log;
  }

  /**
   * Starts a node; {@link #awaitReady} waits for it.
   *
   * @param directory for its data and its output
   * @param seed a node to join, or none for the first of a cluster
   * @param properties system properties, {@code key=value}
   */
  public static NodeJvm start(String name, Path directory, List<NodeJvm> seed, String... properties)
      throws IOException {
    int http = freePort();
    String cluster = "127.0.0.1:" + freePort();
    List<String> line = new ArrayList<>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.add("-Xmx256m");
    line.add("-XX:+UseSerialGC");
    line.add("-XX:TieredStopAtLevel=1");
    line.add("-Dvmferry.node.rehearsals=0");
    line.add("-Dvmferry.node.rehearsed-faults=0");
    for (String property : properties) {
      line.add("-D" + property);
    }
    line.addAll(
        List.of(
            "-cp",
            System.getProperty("java.class.path"),
            "io.vmferry.daemon.cli.Main",
            "node",
            "--name",
            name,
            "--http",
            "127.0.0.1:" + http,
            "--cluster",
            cluster,
            "--data",
            Files.createDirectories(directory.resolve(name)).toString()));
    seed.forEach(node -> line.addAll(List.of("--seed", node.cluster)));
    Path log = directory.resolve(name + ".log");
    Process process =
        new ProcessBuilder(line).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    return new NodeJvm(name, process, URI.create("http://127.0.0.1:" + http), cluster, log);
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  /** Waits until the node takes requests. */
  public NodeJvm awaitReady() throws IOException, InterruptedException {
    Patience.until(
        START_SECONDS,
        () -> {
          if (!process.isAlive()) {
            throw new AssertionError("node " + name + " ended:\n" + log());
          }
          return client.isReady();
        },
        () -> "node " + name + " is not ready:\n" + log());
    return this;
  }

  /** Its name in the cluster. */
  public String name() {
    return name;
  }

  /** Its management routes. */
  public NodeClient client() {
    return client;
  }

  /** What it wrote so far. */
  public String log() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      return e.toString();
    }
  }

  /** The process, for signals and for /proc. */
  public ProcessHandle process() {
    return process.toHandle();
  }

  /** The TCP ports of its management routes and of the cluster. */
  public Set<Integer> ports() {
    return Set.of(
        client.node().getPort(), Integer.parseInt(cluster.substring(cluster.lastIndexOf(':') + 1)));
  }

  /** Ends the process as a power cut would. */
  public void kill() {
    process.destroyForcibly().onExit().join();
  }

  /** Stops every thread of the process, as a host that hangs would. */
  void freeze() throws IOException, InterruptedException {
    signal("STOP");
  }

  /** Lets a frozen process go on. */
  void thaw() throws IOException, InterruptedException {
    signal("CONT");
  }

  private void signal(String signal) throws IOException, InterruptedException {
    int code = new ProcessBuilder("kill", "-" + signal, "" + process.pid()).start().waitFor();
    if (code != 0) {
      throw new AssertionError("kill -" + signal + " " + name + " ended with " + code);
    }
  }

  /** Asks the process to end, and waits. */
  @Override
  public void close() {
    process.destroy();
    try {
      process.onExit().orTimeout(STOP_SECONDS, TimeUnit.SECONDS).join();
    } catch (CompletionException e) {
      kill();
      throw new AssertionError("node " + name + " did not stop within a minute:\n" + log(), e);
    }
  }
}
