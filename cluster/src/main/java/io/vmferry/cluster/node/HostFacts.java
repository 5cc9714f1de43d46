package io.vmferry.cluster.node;

import java.io.IOException;

/** Where a node learns what its host is and has; a narrow interface for tests and embedders. */
@FunctionalInterface
public interface HostFacts {
  /**
   * Looks at the host now. Called by the node's agent on every refresh, so it must not block.
   *
   * @throws IOException if the kernel does not tell
   */
  Host read() throws IOException;
}
