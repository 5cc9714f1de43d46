package io.vmferry.daemon.client;

import io.vmferry.streams.transport.TlsFailures;
import java.io.IOException;
import java.net.URI;
import javax.net.ssl.SSLException;

/** The node and this side did not come to terms on TLS; the message is a clause that says why. */
public final class NodeDistrustException extends IOException {
  private static final long serialVersionUID = 1L;

  private final URI node;

  NodeDistrustException(URI node, SSLException cause) {
    super(TlsFailures.explain(cause), cause);
    this.node = node;
  }

  /** Where the node was expected. */
  public URI node() {
    return node;
  }
}
