package io.vmferry.streams.wire;

import java.nio.ByteBuffer;
import org.apache.pekko.util.ByteString;

/**
 * One response frame, {@link WireFormat#RESPONSE_BYTES} bytes.
 *
 * @param status how the request went
 * @param extensions the extensions taken: means something in the answer to Start only, none and to
 *     be ignored in any other
 * @param length bytes of payload that follow, unsigned; not zero in answers to PageFault, Prefault,
 *     Owner and Missing only
 */
public record Response(Status status, Extensions extensions, long length) {
  private static final Response OK = new Response(Status.OK, Extensions.NONE, 0);
  private static final Response ERROR = new Response(Status.ERROR, Extensions.NONE, 0);

  /** Ok, nothing follows. */
  public static Response ok() {
    return OK;
  }

  /** Ok to Start, with the extensions that both sides know from here on. */
  public static Response ok(Extensions extensions) {
    return new Response(Status.OK, extensions, 0);
  }

  /**
   * Ok to PageFault or Prefault; so many bytes of the page follow (0 = it is in the shared memory),
   * behind its range where NAMED_ANSWERS was agreed.
   */
  public static Response page(long lengthBytes, Extensions agreed) {
    return payload(rangeBytes(agreed) + lengthBytes);
  }

  /** What stands before the page in an ok to PageFault or Prefault, in bytes. */
  public static int rangeBytes(Extensions agreed) {
    return agreed.has(Extension.NAMED_ANSWERS) ? WireFormat.RANGE_BYTES : 0;
  }

  /** Ok to Owner or Missing; so many bytes follow. */
  public static Response payload(long lengthBytes) {
    return new Response(Status.OK, Extensions.NONE, lengthBytes);
  }

  /** Refused or failed; nothing follows. */
  public static Response error() {
    return ERROR;
  }

  /** Whether the status is ok. */
  public boolean isOk() {
    return status == Status.OK;
  }

  /**
   * Checks that nothing follows: the commands of a main connection are answered so.
   *
   * @return this response
   * @throws ProtocolException if bytes follow
   */
  public Response requireEmpty(Command answered) throws ProtocolException {
    if (length != 0) {
      throw new ProtocolException(
          "an answer without payload to " + answered,
          "one of " + Long.toUnsignedString(length) + " bytes");
    }
    return this;
  }

  private ByteBuffer frame() {
    return Frames.blank(WireFormat.RESPONSE_BYTES)
        .putShort(WireFormat.RESPONSE_STATUS, (short) status.value())
        .putInt(WireFormat.RESPONSE_EXTENSIONS, extensions.bits())
        .putLong(WireFormat.RESPONSE_LENGTH, length);
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
   * Takes one frame; the buffer's byte order does not matter.
   *
   * @throws ProtocolException if it is cut short or its status is unknown
   */
  public static Response decode(ByteBuffer from) throws ProtocolException {
    ByteBuffer frame = Frames.take(from, WireFormat.RESPONSE_BYTES, "response");
    return new Response(
        Status.of(Short.toUnsignedInt(frame.getShort(WireFormat.RESPONSE_STATUS))),
        new Extensions(frame.getInt(WireFormat.RESPONSE_EXTENSIONS)),
        frame.getLong(WireFormat.RESPONSE_LENGTH));
  }

  /**
   * Decodes exactly one frame.
   *
   * @throws ProtocolException if it has another size or its status is unknown
   */
  public static Response decode(ByteString from) throws ProtocolException {
    return decode(Frames.exactly(from, WireFormat.RESPONSE_BYTES, "response"));
  }
}
