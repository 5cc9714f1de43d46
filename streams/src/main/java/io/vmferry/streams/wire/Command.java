package io.vmferry.streams.wire;

/**
 * What a request asks for. The order and the values are the protocol's; zero is not a command.
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
  PAGE_FAULT(9);

  private static final Command[] BY_VALUE = new Command[10];

  static {
    for (Command command : values()) {
      BY_VALUE[command.value] = command;
    }
  }

  private final int value;

  Command(int value) {
    this.value = value;
  }

  /** The u16 on the wire. */
  public int value() {
    return value;
  }

  /**
   * The command of a wire value.
   *
   * @throws ProtocolException if no command has it
   */
  public static Command of(int value) throws ProtocolException {
    if (value > 0 && value < BY_VALUE.length) {
      return BY_VALUE[value];
    }
    throw new ProtocolException("a command from 1 to 9", "command " + value);
  }
}
