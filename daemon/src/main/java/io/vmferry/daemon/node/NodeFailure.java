package io.vmferry.daemon.node;

import org.jspecify.annotations.Nullable;

/** A node that cannot start or go on; the message is one sentence for the user. */
public final class NodeFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final boolean usage;

  private NodeFailure(boolean usage, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.usage = usage;
  }

  /** The command line or the configuration file is wrong. */
  static NodeFailure usage(String message) {
    return new NodeFailure(true, message, null);
  }

  /** This host or the cluster cannot do it. */
  static NodeFailure host(String message, @Nullable Throwable cause) {
    return new NodeFailure(false, message, cause);
  }

  /** Whether the caller must write something else. */
  public boolean isUsage() {
    return usage;
  }
}
