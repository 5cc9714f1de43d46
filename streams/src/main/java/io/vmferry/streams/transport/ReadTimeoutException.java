package io.vmferry.streams.transport;

import java.io.IOException;

/** The peer kept silent for the read timeout; the connection is closed. */
public final class ReadTimeoutException extends IOException {
  private static final long serialVersionUID = 1L;

  ReadTimeoutException(String message) {
    super(message);
  }
}
