package io.vmferry.streams.transport;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A listener or a connection could not be opened, or failed, or was closed by this side while in
 * use. The message is one sentence that names the connection or the address.
 */
public sealed class TransportException extends IOException permits PeerUnreachableException {
  private static final long serialVersionUID = 1L;

  TransportException(@Nullable String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
