package io.vmferry.daemon.client;

import java.io.IOException;
import java.net.URI;

/** There was no answer from the node: it does not run, or the network is in the way. */
public final class NodeUnreachableException extends IOException {
  private static final long serialVersionUID = 1L;

  private final URI node;

  NodeUnreachableException(URI node, IOException cause) {
    super("No answer from the node at " + node, cause);
    this.node = node;
  }

  /** Where the node was expected. */
  public URI node() {
    return node;
  }
}
