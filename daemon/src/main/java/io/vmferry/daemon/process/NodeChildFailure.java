package io.vmferry.daemon.process;

import org.jspecify.annotations.Nullable;

/** A node process did not start or ended early; the message is for the user. */
public final class NodeChildFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  NodeChildFailure(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
