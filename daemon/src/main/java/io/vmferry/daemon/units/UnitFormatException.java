package io.vmferry.daemon.units;

/** A size, rate or duration that cannot be read; the message says what is accepted. */
public final class UnitFormatException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  UnitFormatException(String message) {
    super(message);
  }
}
