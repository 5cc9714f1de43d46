package io.vmferry.streams.transport;

import org.jspecify.annotations.Nullable;

/** No connection came about: nobody listens there, or the address leads nowhere. */
public final class PeerUnreachableException extends TransportException {
  private static final long serialVersionUID = 1L;

  PeerUnreachableException(@Nullable String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
