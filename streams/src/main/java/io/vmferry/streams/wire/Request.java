package io.vmferry.streams.wire;

import java.nio.ByteBuffer;
import org.apache.pekko.util.ByteString;

/**
 * One request frame, {@link WireFormat#REQUEST_BYTES} bytes.
 *
 * <p>Only Start gives the header bytes a meaning; on any other command they are written as zero and
 * ignored on read. Decoding does not judge the length: call {@link WireLimits#check} before
 * trusting it.
 *
 * @param command what is asked
 * @param version the sender's protocol version, u16; zero unless the command is Start
 * @param extensions the extensions the sender offers; none unless the command is Start
 * @param length bytes of payload that {@code length} counts, unsigned; see {@link Command}
 */
public record Request(Command command, int version, Extensions extensions, long length) {

  /** Checks that the headers fit the command. */
  public Request {
    if ((version & 0xffff) != version) {
      throw new IllegalArgumentException("protocol version " + version + " is not a u16");
    }
    if (command != Command.START && (version != 0 || !extensions.equals(Extensions.NONE))) {
      throw new IllegalArgumentException(command + " has no version and no extensions");
    }
  }

  /** A request of any command; for Start of the current version without extensions. */
  public static Request of(Command command, long length) {
    return new Request(
        command,
        command == Command.START ? WireFormat.CURRENT_VERSION : 0,
        Extensions.NONE,
        length);
  }

  /** A request without payload. */
  public static Request of(Command command) {
    return of(command, 0);
  }

  /** Start with the current version, offering the given extensions. */
  public static Request start(Extensions extensions) {
    return new Request(Command.START, WireFormat.CURRENT_VERSION, extensions, 0);
  }

  /** Memory with a table of so many ranges. */
  public static Request memory(int ranges) {
    return of(Command.MEMORY, (long) ranges * WireFormat.RANGE_BYTES);
  }

  /** MemoryZero with a table of so many ranges. */
  public static Request memoryZero(int ranges) {
    return of(Command.MEMORY_ZERO, (long) ranges * WireFormat.RANGE_BYTES);
  }

  /** MemoryCompressed with a table of so many ranges. */
  public static Request memoryCompressed(int ranges) {
    return of(
        Command.MEMORY_COMPRESSED,
        WireFormat.COMPRESSED_HEADER_BYTES + (long) ranges * WireFormat.RANGE_BYTES);
  }

  /** Discard with a table of so many ranges. */
  public static Request discard(int ranges) {
    return of(Command.DISCARD, (long) ranges * WireFormat.RANGE_BYTES);
  }

  /** MemoryFd; the slot number and the descriptor follow in one message. */
  public static Request memoryFd() {
    return of(Command.MEMORY_FD, WireFormat.SLOT_BYTES);
  }

  /** PageFault; one range follows. */
  public static Request pageFault() {
    return of(Command.PAGE_FAULT, WireFormat.RANGE_BYTES);
  }

  /** Prefault; one range follows. */
  public static Request prefault() {
    return of(Command.PREFAULT, WireFormat.RANGE_BYTES);
  }

  /** Filled: the destination has every page. */
  public static Request filled() {
    return of(Command.FILLED);
  }

  private ByteBuffer frame() {
    return Frames.blank(WireFormat.REQUEST_BYTES)
        .putShort(WireFormat.REQUEST_COMMAND, (short) command.value())
        .putShort(WireFormat.REQUEST_VERSION, (short) version)
        .putInt(WireFormat.REQUEST_EXTENSIONS, extensions.bits())
        .putLong(WireFormat.REQUEST_LENGTH, length);
  }

  /** Appends the frame; the buffer's byte order does not matter. */
  public void encode(ByteBuffer to) {
    Frames.append(frame(), to);
  }

  /** The frame as bytes. */
  public ByteString encode() {
    return ByteString.fromByteBuffer(frame());
  }

  /**
   * Takes one frame of the base protocol; the buffer's byte order does not matter.
   *
   * @throws ProtocolException if it is cut short or its command is unknown
   */
  public static Request decode(ByteBuffer from) throws ProtocolException {
    return decode(from, Extensions.NONE);
  }

  /**
   * Takes one frame; the buffer's byte order does not matter.
   *
   * @param agreed the extensions whose commands are known here
   * @throws ProtocolException if it is cut short or its command is unknown
   */
  public static Request decode(ByteBuffer from, Extensions agreed) throws ProtocolException {
    ByteBuffer frame = Frames.take(from, WireFormat.REQUEST_BYTES, "request");
    Command command =
        Command.of(Short.toUnsignedInt(frame.getShort(WireFormat.REQUEST_COMMAND)), agreed);
    long length = frame.getLong(WireFormat.REQUEST_LENGTH);
    if (command != Command.START) {
      return of(command, length);
    }
    return new Request(
        command,
        Short.toUnsignedInt(frame.getShort(WireFormat.REQUEST_VERSION)),
        new Extensions(frame.getInt(WireFormat.REQUEST_EXTENSIONS)),
        length);
  }

  /**
   * Decodes exactly one frame of the base protocol.
   *
   * @throws ProtocolException if it has another size or its command is unknown
   */
  public static Request decode(ByteString from) throws ProtocolException {
    return decode(Frames.exactly(from, WireFormat.REQUEST_BYTES, "request"));
  }

  @Override
  public String toString() {
    return command == Command.START
        ? "START(version=" + version + ", extensions=" + extensions + ")"
        : command + "(length=" + Long.toUnsignedString(length) + ")";
  }
}
