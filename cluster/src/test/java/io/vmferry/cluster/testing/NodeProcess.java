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
 * A {@link TestNode} in a JVM of its own. The child prints {@code READY address}; the end of its
 * standard input ends it, so that it does not outlive its test.
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
   */
  public static NodeProcess start(String name, Path runDirectory, String guest, String... seeds)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx160m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(NodeProcess.class.getName());
    command.addAll(List.of(name, runDirectory.toString(), guest));
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

  @Override
  public void close() {
    kill();
  }

  /** The child. */
  public static void main(String[] args) throws IOException {
    String[] seeds = List.of(args).subList(3, args.length).toArray(new String[0]);
    TestNode node = TestNode.start(args[0], Path.of(args[1]), TestNode.host("one"), seeds);
    if (!args[2].isEmpty()) {
      node.guests().put(args[2], LifeCycle.RUNNING, null);
    }
    System.out.println("READY " + node.address());
    while (System.in.read() >= 0) {
      // Only the end of the input matters.
    }
    Runtime.getRuntime().halt(0);
  }
}
