package io.vmferry.daemon.quickstart;

import io.vmferry.daemon.process.NodeChild;
import io.vmferry.daemon.process.NodeLaunch;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The two node processes and their temporary directory. Closing it leaves nothing; it is closed by
 * Ctrl-C too. Thread-safe.
 */
final class NodePair implements AutoCloseable {
  private static final List<String> JVM_OPTIONS =
      List.of(
          // A demonstration is over before the second compiler pays; the guest runs in the kernel.
          "-Xms64m",
          "-Xmx512m",
          "-XX:+UseSerialGC",
          "-XX:TieredStopAtLevel=1",
          "-Xshare:auto",
          "-Dvmferry.node.rehearsed-faults=0",
          // Both start at once: the second asks again soon if the first is not there yet.
          "-Dpekko.cluster.seed-node-timeout=500ms");

  private final Path directory;
  private final Thread hook = new Thread(this::clear, "stop-nodes");
  private @Nullable NodeChild source;
  private @Nullable NodeChild destination;
  private boolean closed;

  private NodePair(Path directory) {
    this.directory = directory;
  }

  /** Starts both; the second has the first as its seed. */
  static NodePair start() throws IOException {
    NodePair pair = new NodePair(Files.createTempDirectory("vmferry-quickstart-"));
    Runtime.getRuntime().addShutdownHook(pair.hook);
    try {
      pair.startNodes();
      return pair;
    } catch (IOException | RuntimeException e) {
      pair.close();
      throw e;
    }
  }

  private synchronized void startNodes() throws IOException {
    if (closed) {
      return;
    }
    String seed = "127.0.0.1:" + freePort();
    source = start("a", seed, List.of());
    destination = start("b", "127.0.0.1:0", List.of(seed));
  }

  private NodeChild start(String name, String cluster, List<String> seeds) throws IOException {
    return NodeChild.start(NodeLaunch.onLoopback(name, directory, cluster, seeds, JVM_OPTIONS));
  }

  /** The second node must know the first one's port before that one listens. */
  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  synchronized NodeChild source() {
    return started(source);
  }

  synchronized NodeChild destination() {
    return started(destination);
  }

  private static NodeChild started(@Nullable NodeChild child) {
    if (child == null) {
      throw new QuickstartFailure("Interrupted");
    }
    return child;
  }

  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM goes down: the hook runs, and this waits for it.
    }
    clear();
  }

  private synchronized void clear() {
    if (closed) {
      return;
    }
    closed = true;
    // One after the other: two that leave their cluster at once wait for each other.
    for (NodeChild child : new @Nullable NodeChild[] {destination, source}) {
      if (child != null) {
        child.close();
      }
    }
    removeDirectory();
  }

  private void removeDirectory() {
    try {
      List<Path> gone;
      try (Stream<Path> all = Files.walk(directory)) {
        gone = all.sorted(Comparator.reverseOrder()).toList();
      }
      for (Path file : gone) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      System.err.println("vmferry: " + directory + " could not be removed: " + e.getMessage());
    }
  }
}
