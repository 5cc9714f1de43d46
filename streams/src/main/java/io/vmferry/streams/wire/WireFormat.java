package io.vmferry.streams.wire;

import java.nio.ByteOrder;

/**
 * Every number and offset of the format, in wire order. All integers are little-endian.
 *
 * <pre>
 * Request, 16 bytes                       Response, 16 bytes
 *  0  u16  command                         0  u16  status
 *  2  6    headers                         2  6    padding
 *     Start:  2 u16 version                   Start's ok: 4 u32 extensions taken
 *             4 u32 extensions offered        else: zero, ignored on read
 *     else: zero, ignored on read
 *  8  u64  payload length                  8  u64  payload length
 *
 * MemoryRange, 16 bytes                   ConnectionRole, 2 bytes
 *  0  u64  guest physical address          0  u16  role
 *  8  u64  length in bytes
 *
 * CompressedHeader, 8 bytes               block of MemoryCompressed
 *  0  u8   algorithm                       0  u32  length of what follows
 *  1  3    zero, ignored on read           4  the block
 *  4  u32  bytes of memory in a block
 * </pre>
 *
 * <p>Source: docs/protocol.md#frames.
 */
public final class WireFormat {
  /** The byte order of every integer. */
  public static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** Size of a request frame in bytes. */
  public static final int REQUEST_BYTES = 16;

  /** Size of a response frame in bytes. */
  public static final int RESPONSE_BYTES = 16;

  /** Size of one entry of a range table in bytes, and of a page fault's payload. */
  public static final int RANGE_BYTES = 16;

  /** Size of the role header of an additional connection in bytes. */
  public static final int ROLE_BYTES = 2;

  /** Size of the payload of MemoryFd, the slot number, in bytes. */
  public static final int SLOT_BYTES = 4;

  /** Size of what stands before the table of a MemoryCompressed in bytes. */
  public static final int COMPRESSED_HEADER_BYTES = 8;

  /** The payload of Identify: random, made by the source for one migration. */
  public static final int KEY_BYTES = 16;

  /** The payload of the answer to Owner: a u64, see {@link GuestOwner}. */
  public static final int OWNER_BYTES = 8;

  /** Size of what stands before each block of a MemoryCompressed in bytes. */
  public static final int BLOCK_HEADER_BYTES = 4;

  /** The newest protocol version, which this side sends in Start. */
  public static final int CURRENT_VERSION = 0;

  /** First value of the commands that only exist once an extension has been agreed on. */
  public static final int FIRST_EXTENSION_COMMAND = 0x8000;

  // Offsets in a Request.
  static final int REQUEST_COMMAND = 0;
  static final int REQUEST_VERSION = 2;
  static final int REQUEST_EXTENSIONS = 4;
  static final int REQUEST_LENGTH = 8;

  // Offsets in a Response.
  static final int RESPONSE_STATUS = 0;
  static final int RESPONSE_PADDING = 2;
  static final int RESPONSE_EXTENSIONS = 4;
  static final int RESPONSE_LENGTH = 8;

  // Offsets in a MemoryRange.
  static final int RANGE_GPA = 0;
  static final int RANGE_LENGTH = 8;

  // Offsets in a CompressedHeader.
  static final int COMPRESSED_ALGORITHM = 0;
  static final int COMPRESSED_BLOCK_BYTES = 4;

  private WireFormat() {}
}
