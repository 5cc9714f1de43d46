package io.vmferry.daemon.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Where source and destination run: on loopback, or in two network namespaces with a shaped pair of
 * interfaces between them.
 */
final class Network {
  /** One side of a migration. */
  enum Side {
    SOURCE("a", "10.213.7.1"),
    DESTINATION("b", "10.213.7.2");

    private final String letter;
    private final String address;

    Side(String letter, String address) {
      this.letter = letter;
      this.address = address;
    }

    /** {@code a} or {@code b}. */
    String letter() {
      return letter;
    }
  }

  private static final Network LOOPBACK = new Network("");

  private final String namespaces;

  private Network(String namespaces) {
    this.namespaces = namespaces;
  }

  /**
   * Makes what the shape asks for.
   *
   * @param cleanup takes it away again
   * @throws BenchFailure with one sentence for the user if this host cannot
   */
  static Network create(LinkShape shape, Cleanup cleanup) throws IOException, InterruptedException {
    if (!shape.isShaped()) {
      return LOOPBACK;
    }
    Network network = new Network("vmfb" + ProcessHandle.current().pid() % 100_000);
    cleanup.add(network::remove);
    for (Side side : Side.values()) {
      network.ip("netns", "add", network.namespace(side));
    }
    String here = network.device(Side.SOURCE);
    String there = network.device(Side.DESTINATION);
    network.ip("link", "add", here, "type", "veth", "peer", "name", there);
    for (Side side : Side.values()) {
      network.bringUp(side, shape);
    }
    return network;
  }

  private void bringUp(Side side, LinkShape shape) throws IOException, InterruptedException {
    String space = namespace(side);
    String device = device(side);
    ip("link", "set", device, "netns", space);
    ip("-n", space, "address", "add", side.address + "/30", "dev", device);
    ip("-n", space, "link", "set", "lo", "up");
    ip("-n", space, "link", "set", device, "up");
    List<String> tc = new ArrayList<>(List.of("tc", "-n", space, "qdisc", "add", "dev", device));
    List<String> shaped = new ArrayList<>(tc);
    shaped.addAll(List.of("root", "handle", "1:"));
    shaped.addAll(shape.tbf());
    run(shaped, "shape a link with tc tbf");
    if (!shape.roundTrip().isZero()) {
      List<String> delayed = new ArrayList<>(tc);
      long halfMicros = shape.roundTrip().toNanos() / 2_000;
      delayed.addAll(List.of("parent", "1:1", "handle", "10:", "netem"));
      delayed.addAll(List.of("delay", halfMicros + "us", "limit", "100000"));
      run(delayed, "delay a link with tc netem; leave rtt= out");
    }
  }

  /** Whether the sides are in namespaces of their own. */
  boolean isShaped() {
    return !namespaces.isEmpty();
  }

  /** Where a side listens. */
  String address(Side side) {
    return isShaped() ? side.address : "127.0.0.1";
  }

  /** What starts a command on a side; it replaces itself by the command. */
  List<String> prefix(Side side) {
    return isShaped() ? List.of("ip", "netns", "exec", namespace(side)) : List.of();
  }

  private String namespace(Side side) {
    return namespaces + side.letter();
  }

  private String device(Side side) {
    return namespaces + side.letter() + "0";
  }

  /** The pair of interfaces goes with its namespaces. */
  private void remove() {
    for (Side side : Side.values()) {
      try {
        new ProcessBuilder("ip", "netns", "del", namespace(side))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start()
            .waitFor();
      } catch (IOException e) {
        throw new BenchFailure("namespace " + namespace(side) + " could not be removed", e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void ip(String... arguments) throws IOException, InterruptedException {
    List<String> line = new ArrayList<>(List.of("ip"));
    line.addAll(List.of(arguments));
    run(line, "make network namespaces");
  }

  private static void run(List<String> line, String what) throws IOException, InterruptedException {
    Process process;
    try {
      process = new ProcessBuilder(line).redirectErrorStream(true).start();
    } catch (IOException e) {
      throw new BenchFailure(
          "--link needs " + line.get(0) + " (Debian: apt-get install iproute2)", e);
    }
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new BenchFailure(
          "This host cannot "
              + what
              + " (it takes root): "
              + said.strip().replaceFirst("\\.$", ""));
    }
  }
}
