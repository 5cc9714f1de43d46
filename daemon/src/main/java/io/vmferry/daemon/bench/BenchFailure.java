package io.vmferry.daemon.bench;

import org.jspecify.annotations.Nullable;

/** The benchmarks could not go on; the message is for the user, without a full stop. */
public final class BenchFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  BenchFailure(String message) {
    this(message, null);
  }

  BenchFailure(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
