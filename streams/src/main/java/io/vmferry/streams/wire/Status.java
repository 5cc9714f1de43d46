package io.vmferry.streams.wire;

/** How a request went. Zero is not a status. */
public enum Status {
  /** Done; the sender may go on. */
  OK(1),
  /** Refused or failed; the migration is over. */
  ERROR(2);

  private final int value;

  Status(int value) {
    this.value = value;
  }

  /** The u16 on the wire. */
  public int value() {
    return value;
  }

  /**
   * The status of a wire value.
   *
   * @throws ProtocolException if there is none
   */
  public static Status of(int value) throws ProtocolException {
    return switch (value) {
      case 1 -> OK;
      case 2 -> ERROR;
      default -> throw new ProtocolException("status ok (1) or error (2)", "status " + value);
    };
  }
}
