package io.vmferry.streams.transport;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The peer kept silent for the read timeout; the connection is closed. */
public final class ReadTimeoutException extends IOException {
  private static final long serialVersionUID = 1L;

  ReadTimeoutException(@Nullable String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
