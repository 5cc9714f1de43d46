package io.vmferry.streams.transport;

import java.io.EOFException;

/**
 * A TLS connection ended without the peer's word that nothing is missing (close_notify): the peer
 * died, or somebody on the way cut it. Cloud Hypervisor ends all its connections so.
 */
public final class TruncatedStreamException extends EOFException {
  private static final long serialVersionUID = 1L;

  TruncatedStreamException(String message) {
    super(message);
  }
}
