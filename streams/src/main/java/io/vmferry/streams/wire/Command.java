package io.vmferry.streams.wire;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a request asks for. The order and the values are the protocol's; zero is not a command.
 * Values from {@link WireFormat#FIRST_EXTENSION_COMMAND} on exist only where their extension was
 * agreed.
 *
 * <p>Source: docs/protocol.md#commands.
 */
public enum Command {
  /** Opens the migration and carries the protocol version; no payload. */
  START(1),
  /** The configuration of the guest, JSON. */
  CONFIG(2),
  /** The state of vCPUs and devices, JSON. */
  STATE(3),
  /** A range table, then the bytes of its ranges, which the length does not count. */
  MEMORY(4),
  /** Resume the guest on the destination; no payload. */
  COMPLETE(5),
  /** Give the migration up; no payload. */
  ABANDON(6),
  /** The memory of one slot as a descriptor, over UNIX sockets only. */
  MEMORY_FD(7),
  /** Finish and leave the guest paused; no payload. */
  COMPLETE_PAUSED(8),
  /** Ask for one page, on a fault connection only. */
  PAGE_FAULT(9),
  /** A range table; the ranges are zero, and no bytes follow. */
  MEMORY_ZERO(0x8000, Extension.ZERO_RANGES),
  /** A header and a range table, then compressed blocks, which the length does not count. */
  MEMORY_COMPRESSED(0x8001, Extension.COMPRESSED),
  /** Ends a push connection: every page was pushed or served; no payload. */
  PUSHED(0x8010, Extension.PUSH),
  /** Ends a fault connection: the destination has every page; no payload. */
  FILLED(0x8011, Extension.PUSH),
  /** A range table; what came for these pages is out of date, and postcopy brings them. */
  DISCARD(0x8020, Extension.HYBRID),
  /** The migration's key, by which a later connection is known to belong to it. */
  IDENTIFY(0x8030, Extension.RECOVERY),
  /** The source has read the answer to Complete; no payload, no answer. */
  SETTLED(0x8031, Extension.RECOVERY),
  /** Who has the guest, on a resume connection; no payload. */
  OWNER(0x8032, Extension.RECOVERY),
  /** Which pages are missing, on a resume connection; no payload. */
  MISSING(0x8033, Extension.RECOVERY),
  /** The source is there; no payload. */
  ALIVE(0x8040, Extension.HEARTBEAT),
  /** A PageFault that no guest waits for, on a fault connection only. */
  PREFAULT(0x8050, Extension.PREFAULT);

  private static final Command[] BASE = new Command[10];
  private static final List<Command> OF_EXTENSIONS = new ArrayList<>();

  static {
    for (Command command : values()) {
      if (command.extension == null) {
        BASE[command.value] = command;
      } else {
        OF_EXTENSIONS.add(command);
      }
    }
  }

  private final int value;
  private final @Nullable Extension extension;

  Command(int value) {
    this.value = value;
    this.extension = null;
  }

  Command(int value, Extension extension) {
    this.value = value;
    this.extension = extension;
  }

  /** The u16 on the wire. */
  public int value() {
    return value;
  }

  /** The extension it belongs to, null in the base protocol. */
  public @Nullable Extension extension() {
    return extension;
  }

  /**
   * The command of a wire value.
   *
   * @param agreed the extensions of the connection's migration
   * @throws ProtocolException if no command has it, or none of the base protocol and of the agreed
   *     extensions
   */
  public static Command of(int value, Extensions agreed) throws ProtocolException {
    if (value > 0 && value < BASE.length) {
      return BASE[value];
    }
    for (Command command : OF_EXTENSIONS) {
      if (command.value == value && agreed.permit(command)) {
        return command;
      }
    }
    String legal = "a command from 1 to 9";
    throw new ProtocolException(
        agreed.equals(Extensions.NONE) ? legal : legal + " or of " + agreed, "command " + value);
  }
}
