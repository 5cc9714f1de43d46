package io.vmferry.streams.wire;

import java.nio.ByteBuffer;
import org.apache.pekko.util.ByteString;

/** What the frame codecs share: taking exactly one frame's bytes out of a buffer. */
final class Frames {
  private Frames() {}

  /**
   * A little-endian view of the next {@code size} bytes; the buffer moves past them.
   *
   * @throws ProtocolException if fewer bytes are left; the buffer does not move then
   */
  static ByteBuffer take(ByteBuffer from, int size, String frame) throws ProtocolException {
    if (from.remaining() < size) {
      throw new ProtocolException(
          "a " + frame + " of " + size + " bytes", "only " + from.remaining() + " bytes");
    }
    ByteBuffer view = from.slice(from.position(), size).order(WireFormat.ORDER);
    from.position(from.position() + size);
    return view;
  }

  /** The bytes as a buffer, refusing more than the frame: a codec call takes exactly one frame. */
  static ByteBuffer exactly(ByteString from, int size, String frame) throws ProtocolException {
    if (from.size() != size) {
      throw new ProtocolException("a " + frame + " of " + size + " bytes", from.size() + " bytes");
    }
    return from.asByteBuffer();
  }

  /** A zeroed little-endian heap buffer for one frame. */
  static ByteBuffer blank(int size) {
    return ByteBuffer.allocate(size).order(WireFormat.ORDER);
  }

  /** Appends a finished frame, whatever the target's byte order is. */
  static void append(ByteBuffer frame, ByteBuffer to) {
    to.put(frame.rewind());
  }
}
