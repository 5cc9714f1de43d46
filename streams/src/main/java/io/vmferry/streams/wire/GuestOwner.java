package io.vmferry.streams.wire;

import java.nio.ByteBuffer;

/**
 * What a destination says to Owner: whether the guest is its own. It has decided then, and does not
 * go back on it.
 *
 * <p>Source: docs/protocol.md#recovery.
 */
public enum GuestOwner {
  /** The destination has taken the guest over; it runs there, or is paused there. */
  DESTINATION(1),
  /** The destination does not run the guest and never will: it is the source's. */
  SOURCE(2),
  /** The destination had taken the guest over, which then ended there with its daemon. */
  NOBODY(3);

  private final long value;

  GuestOwner(long value) {
    this.value = value;
  }

  /** The u64 on the wire. */
  public long value() {
    return value;
  }

  /**
   * The owner of a wire value.
   *
   * @throws ProtocolException if it is none
   */
  public static GuestOwner of(long value) throws ProtocolException {
    for (GuestOwner owner : values()) {
      if (owner.value == value) {
        return owner;
      }
    }
    throw new ProtocolException(
        "owner destination (1), source (2) or nobody (3)", "owner " + value);
  }

  /**
   * Takes the payload of an answer to Owner, {@link WireFormat#OWNER_BYTES} bytes.
   *
   * @throws ProtocolException if it is cut short or names nobody
   */
  public static GuestOwner decode(ByteBuffer from) throws ProtocolException {
    return of(Frames.take(from, WireFormat.OWNER_BYTES, "owner").getLong(0));
  }

  /** Appends the payload. */
  public void encode(ByteBuffer to) {
    Frames.append(Frames.blank(WireFormat.OWNER_BYTES).putLong(0, value), to);
  }
}
