package io.vmferry.daemon.options;

/** Migration options that cannot be read or do not go together; the message says what to write. */
public final class OptionSyntaxException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  OptionSyntaxException(String message) {
    super(message);
  }
}
