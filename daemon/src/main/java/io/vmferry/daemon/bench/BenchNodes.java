package io.vmferry.daemon.bench;

import io.vmferry.daemon.bench.Network.Side;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.process.NodeChild;
import io.vmferry.daemon.process.NodeLaunch;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Two node processes, each a cluster of its own, and how to reach and watch them. */
final class BenchNodes {
  // What bin/vmferry gives a node.
  private static final List<String> JVM_OPTIONS =
      List.of("-Xms64m", "-Xmx512m", "-XX:MaxDirectMemorySize=512m");
  private static final int ROUTES_PORT = 8700;

  private final Network network;
  private final Map<Side, NodeClient> clients = new EnumMap<>(Side.class);
  private final Map<Side, JvmMeter> meters = new EnumMap<>(Side.class);

  private BenchNodes(Network network) {
    this.network = network;
  }

  /**
   * Starts both and waits until they are ready.
   *
   * @param directory for their files
   * @param cleanup ends them
   */
  static BenchNodes start(Network network, Path directory, Cleanup cleanup)
      throws IOException, InterruptedException {
    BenchNodes nodes = new BenchNodes(network);
    Map<Side, NodeChild> children = new EnumMap<>(Side.class);
    for (Side side : Side.values()) {
      NodeChild child = NodeChild.start(nodes.launch(side, directory));
      cleanup.add(child::close);
      children.put(side, child);
    }
    for (Side side : Side.values()) {
      NodeChild child = get(children, side);
      NodeClient client = child.awaitReady();
      if (network.isShaped()) {
        Relay relay = Relay.ontoLoopback(socket(side, directory));
        cleanup.add(relay::close);
        client = new NodeClient(URI.create("http://127.0.0.1:" + relay.port()));
      }
      nodes.clients.put(side, client);
      nodes.meters.put(side, new JvmMeter(child.pid(), new GcLog(gcLog(side, directory))));
    }
    return nodes;
  }

  private NodeLaunch launch(Side side, Path directory) {
    List<String> options =
        List.of(
            JVM_OPTIONS.get(0),
            JVM_OPTIONS.get(1),
            JVM_OPTIONS.get(2),
            GcLog.option(gcLog(side, directory)));
    String name = side.letter();
    if (!network.isShaped()) {
      return NodeLaunch.onLoopback(name, directory, "127.0.0.1:0", List.of(), options);
    }
    List<String> main =
        List.of(
            RelayedNode.class.getName(),
            socket(side, directory).toString(),
            Integer.toString(ROUTES_PORT),
            "-o",
            "text");
    return new NodeLaunch(
        name,
        directory,
        "127.0.0.1:" + ROUTES_PORT,
        "127.0.0.1:0",
        List.of(),
        options,
        network.prefix(side),
        main);
  }

  private static Path gcLog(Side side, Path directory) {
    return directory.resolve(side.letter() + ".gc");
  }

  private static Path socket(Side side, Path directory) {
    return directory.resolve(side.letter() + ".http");
  }

  Network network() {
    return network;
  }

  NodeClient client(Side side) {
    return get(clients, side);
  }

  JvmMeter meter(Side side) {
    return get(meters, side);
  }

  private static <T> T get(Map<Side, T> of, Side side) {
    T value = of.get(side);
    if (value == null) {
      throw new IllegalStateException("no " + side);
    }
    return value;
  }
}
