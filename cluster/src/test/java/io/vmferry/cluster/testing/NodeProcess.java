package io.vmferry.cluster.testing;

import io.vmferry.actors.vm.LifeCycle;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A {@link TestNode} in a JVM of its own. The child prints {@code READY address}; a line {@code
 * release} on its standard input ends the hold, and the end of its input ends the child, so that it
 * does not outlive its test.
 */
public final class NodeProcess implements AutoCloseable {
  private final Process process;
  private final String address;

  private NodeProcess(Process process, String address) {
    this.process = process;
    this.address = address;
  }

  /**
   * Starts one.
   *
   * @param guest name of a guest that runs there, or an empty text
   * @param hold whether its migrations stay in precopy
   */
  public static NodeProcess start(
      String name, Path runDirectory, String guest, boolean hold, String... seeds)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx160m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(NodeProcess.class.getName());
    command.addAll(List.of(name, runDirectory.toString(), guest, Boolean.toString(hold)));
    command.addAll(List.of(seeds));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    BufferedReader out =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    String line = out.readLine();
    if (line == null || !line.startsWith("READY ")) {
      process.destroyForcibly();
      throw new IOException("node process said " + line);
    }
    return new NodeProcess(process, line.substring("READY ".length()));
  }

  /** host:port. */
  public String address() {
    return address;
  }

  /** As a power cut would: no goodbye. */
  public void kill() {
    process.destroyForcibly();
    process.onExit().orTimeout(10, TimeUnit.SECONDS).join();
  }

  /** Lets its migrations go on. */
  public void release() throws IOException {
    process.getOutputStream().write("release\n".getBytes(StandardCharsets.UTF_8));
    process.getOutputStream().flush();
  }

  @Override
  public void close() {
    kill();
  }

  /** The child. */
  public static void main(String[] args) throws IOException {
    String[] seeds = List.of(args).subList(4, args.length).toArray(new String[0]);
    TestNode node = TestNode.start(args[0], Path.of(args[1]), TestNode.host("one"), seeds);
    if (!args[2].isEmpty()) {
      node.guests().put(args[2], LifeCycle.RUNNING, null);
    }
    node.script().hold = Boolean.parseBoolean(args[3]);
    System.out.println("READY " + node.address());
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    while (in.readLine() != null) {
      node.script().hold = false;
    }
    Runtime.getRuntime().halt(0);
  }
}
