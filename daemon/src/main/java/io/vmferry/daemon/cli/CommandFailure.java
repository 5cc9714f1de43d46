package io.vmferry.daemon.cli;

import io.vmferry.actors.migration.Failures;
import org.jspecify.annotations.Nullable;

/** Ends a command with a sentence for the user and an exit code. */
final class CommandFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int exitCode;

  CommandFailure(int exitCode, String message) {
    this(exitCode, message, null);
  }

  CommandFailure(int exitCode, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.exitCode = exitCode;
  }

  /** What a command of this process could not do; an argument that makes no sense is wrong use. */
  static CommandFailure of(Exception cause) {
    int code = cause instanceof IllegalArgumentException ? ExitCodes.USAGE : ExitCodes.FAILED;
    return new CommandFailure(code, Failures.sentence(cause), cause);
  }

  int exitCode() {
    return exitCode;
  }
}
