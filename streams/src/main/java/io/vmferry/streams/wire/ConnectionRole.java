package io.vmferry.streams.wire;

import java.nio.ByteBuffer;
import org.apache.pekko.util.ByteString;

/**
 * What an additional connection is for: its first two bytes. The main connection has no role
 * header. Zero is not a role.
 *
 * <p>Source: docs/protocol.md#connections.
 */
public enum ConnectionRole {
  /** Carries Memory commands beside the main connection. */
  PRECOPY_MEMORY(1),
  /** Carries page faults, from the destination to the source. */
  FAULT(2),
  /** Carries pages that nobody asked for, in postcopy; only where PUSH was agreed. */
  PUSH(3),
  /** Takes a broken migration up again; only where RECOVERY was agreed. */
  RESUME(4),
  /** Carries signs of life while the migration lasts; only where HEARTBEAT was agreed. */
  HEARTBEAT(5);

  private final int value;

  ConnectionRole(int value) {
    this.value = value;
  }

  /** The u16 on the wire. */
  public int value() {
    return value;
  }

  /** Whether a connection of this role may carry the command. */
  public boolean carries(Command command) {
    return switch (this) {
      case PRECOPY_MEMORY ->
          command == Command.MEMORY
              || command == Command.MEMORY_ZERO
              || command == Command.MEMORY_COMPRESSED;
      case FAULT ->
          command == Command.PAGE_FAULT
              || command == Command.PREFAULT
              || command == Command.ABANDON
              || command == Command.FILLED;
      case PUSH ->
          command == Command.MEMORY
              || command == Command.MEMORY_ZERO
              || command == Command.ALIVE
              || command == Command.PUSHED;
      case RESUME ->
          command == Command.IDENTIFY || command == Command.OWNER || command == Command.MISSING;
      case HEARTBEAT -> command == Command.ALIVE;
    };
  }

  /**
   * The role of a wire value.
   *
   * @throws ProtocolException if there is none: drop that connection, the migration goes on
   */
  public static ConnectionRole of(int value) throws ProtocolException {
    return switch (value) {
      case 1 -> PRECOPY_MEMORY;
      case 2 -> FAULT;
      case 3 -> PUSH;
      case 4 -> RESUME;
      case 5 -> HEARTBEAT;
      default -> throw new ProtocolException("connection role from 1 to 5", "role " + value);
    };
  }

  /** Appends the role header, {@link WireFormat#ROLE_BYTES} bytes. */
  public void encode(ByteBuffer to) {
    Frames.append(Frames.blank(WireFormat.ROLE_BYTES).putShort(0, (short) value), to);
  }

  /** The role header as bytes. */
  public ByteString encode() {
    return ByteString.fromByteBuffer(
        Frames.blank(WireFormat.ROLE_BYTES).putShort(0, (short) value));
  }

  /**
   * Takes a role header.
   *
   * @throws ProtocolException if it is cut short or names no role
   */
  public static ConnectionRole decode(ByteBuffer from) throws ProtocolException {
    ByteBuffer header = Frames.take(from, WireFormat.ROLE_BYTES, "connection role");
    return of(Short.toUnsignedInt(header.getShort(0)));
  }

  /**
   * Decodes exactly one role header.
   *
   * @throws ProtocolException if it has another size or names no role
   */
  public static ConnectionRole decode(ByteString from) throws ProtocolException {
    return decode(Frames.exactly(from, WireFormat.ROLE_BYTES, "connection role"));
  }
}
