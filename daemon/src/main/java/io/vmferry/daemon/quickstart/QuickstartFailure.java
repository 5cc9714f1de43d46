package io.vmferry.daemon.quickstart;

import org.jspecify.annotations.Nullable;

/** The demonstration could not go on; the message is for the user. */
public final class QuickstartFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  QuickstartFailure(String message) {
    this(message, null);
  }

  QuickstartFailure(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
