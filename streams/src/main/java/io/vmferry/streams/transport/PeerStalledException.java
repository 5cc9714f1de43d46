package io.vmferry.streams.transport;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The peer sent nothing for the read timeout, or took nothing for the write timeout; the connection
 * is closed.
 */
public final class PeerStalledException extends IOException {
  private static final long serialVersionUID = 1L;

  /** A peer that says nothing, in one sentence. */
  public PeerStalledException(@Nullable String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
