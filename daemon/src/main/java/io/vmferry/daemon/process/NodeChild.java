package io.vmferry.daemon.process;

import io.vmferry.daemon.client.NodeClient;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A {@code vmferry node} in a process of its own, on the class path of this one. It ends when this
 * process does, however that ends: its standard input closes then.
 */
public final class NodeChild implements AutoCloseable {
  private static final Pattern READY =
      Pattern.compile(".* is ready: (http://\\S+), cluster (\\S+)");
  private static final long READY_LIMIT_S = 60;
  private static final long STOP_LIMIT_S = 15;

  private final String name;
  private final Path errors;
  private final Process process;
  private final CompletableFuture<Matcher> ready = new CompletableFuture<>();

  private NodeChild(String name, Path errors, Process process) {
    this.name = name;
    this.errors = errors;
    this.process = process;
  }

  /** Starts it. */
  public static NodeChild start(NodeLaunch launch) throws IOException {
    String name = launch.name();
    Path directory = launch.directory();
    Path errors = directory.resolve(name + ".err");
    List<String> line = new ArrayList<>(launch.prefix());
    line.addAll(java(launch.jvmOptions()));
    line.addAll(launch.main());
    line.addAll(List.of("node", "--end-with-stdin", "--name", name));
    line.addAll(List.of("--http", launch.http(), "--cluster", launch.cluster()));
    line.addAll(List.of("--data", directory.resolve(name).toString()));
    line.addAll(List.of("--log-file", directory.resolve(name + ".log").toString()));
    for (String seed : launch.seeds()) {
      line.addAll(List.of("--seed", seed));
    }
    Process process = new ProcessBuilder(line).redirectError(errors.toFile()).start();
    NodeChild child = new NodeChild(name, errors, process);
    Thread reader = new Thread(child::read, "stdout-of-node-" + name);
    reader.setDaemon(true);
    reader.start();
    return child;
  }

  /** The JVM of this process and its class path. */
  public static List<String> java(List<String> options) {
    List<String> line = new ArrayList<>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.addAll(options);
    line.add("-Djna.nosys=true");
    if (Runtime.version().feature() >= 24) {
      line.add("--sun-misc-unsafe-memory-access=allow");
      line.add("--enable-native-access=ALL-UNNAMED");
    }
    line.addAll(List.of("-cp", System.getProperty("java.class.path")));
    return line;
  }

  private void read() {
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      for (String text = lines.readLine(); text != null; text = lines.readLine()) {
        Matcher matcher = READY.matcher(text);
        if (matcher.matches()) {
          ready.complete(matcher);
        }
      }
    } catch (IOException e) {
      // The process ended; that is reported below.
    }
    ready.completeExceptionally(new NodeChildFailure("Node " + name + " ended", null));
  }

  /** The node's name. */
  public String name() {
    return name;
  }

  /** Its process. */
  public long pid() {
    return process.pid();
  }

  /**
   * Waits until it says that it is ready.
   *
   * @return a client of its routes
   * @throws NodeChildFailure if it ended, or is not ready in time
   */
  public NodeClient awaitReady() throws InterruptedException {
    try {
      return new NodeClient(URI.create(ready.get(READY_LIMIT_S, TimeUnit.SECONDS).group(1)));
    } catch (ExecutionException e) {
      throw new NodeChildFailure("Node " + name + " did not start: " + lastWords(), e);
    } catch (TimeoutException e) {
      throw new NodeChildFailure(
          "Node " + name + " was not ready within " + READY_LIMIT_S + " s: " + lastWords(), e);
    }
  }

  /** The last line it wrote to stderr. */
  private String lastWords() {
    try {
      List<String> lines = Files.readAllLines(errors);
      return lines.isEmpty()
          ? "it said nothing"
          : lines.get(lines.size() - 1).replaceFirst("^vmferry: ", "").replaceFirst("\\.$", "");
    } catch (IOException e) {
      return "it said nothing";
    }
  }

  /** Ends it, by force if it does not end by itself. */
  @Override
  public void close() {
    process.destroy();
    boolean interrupted = false;
    try {
      if (!process.waitFor(STOP_LIMIT_S, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor(STOP_LIMIT_S, TimeUnit.SECONDS);
      }
    } catch (InterruptedException e) {
      interrupted = true;
      process.destroyForcibly();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
