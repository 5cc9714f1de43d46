package io.vmferry.daemon.bench;

import io.vmferry.daemon.cli.Main;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Main class of a node in a network namespace: the {@code vmferry} command with a relay to its
 * routes beside it. Arguments: the socket file, the port of the routes, the command line.
 */
final class RelayedNode {
  private RelayedNode() {}

  /** Runs it. */
  public static void main(String[] args) throws IOException {
    // Ends with the process.
    Relay.intoLoopback(Path.of(args[0]), Integer.parseInt(args[1]));
    Main.main(Arrays.copyOfRange(args, 2, args.length));
  }
}
