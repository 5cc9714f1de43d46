package io.vmferry.streams.wire;

import java.time.Duration;

/**
 * The bounds on everything a peer controls. A length is checked here before anything is allocated
 * for it; a buffer for an accepted length still grows with the bytes that arrive (see {@code
 * Payloads}), so a claim alone costs the peer's own bytes.
 *
 * <p>Source: docs/protocol.md#limits.
 */
public final class WireLimits {
  private static final long MIB = 1L << 20;

  /** Config, in bytes. Real ones are some 10 KiB; a thousand CPUID leaves and slots fit 1 MiB. */
  public static final long CONFIG_BYTES = 16 * MIB;

  /** State, in bytes. About 40 KiB a vCPU and less a device: 1,000 vCPUs fit five times over. */
  public static final long STATE_BYTES = 256 * MIB;

  /**
   * The range table of one Memory or of its extensions, in bytes: 16 Mi ranges. A peer with one
   * connection sends a whole round in one Memory; in the worst case, every other 4 KiB page dirty,
   * this is a guest of 128 GiB.
   */
  public static final long RANGE_TABLE_BYTES = 256 * MIB;

  /** Guest memory in one Memory that this side sends, in bytes; a peer may send more at once. */
  public static final long CHUNK_BYTES = 64 * MIB;

  /** Ranges in one Memory that this side sends: every 4 KiB page of a chunk by itself. */
  public static final int CHUNK_RANGES = (int) (CHUNK_BYTES / 4096);

  /**
   * Guest memory in one block of a MemoryCompressed, in bytes: with the compressed form, which is
   * not longer, all that a receiver buffers of it.
   */
  public static final int COMPRESSED_BLOCK_BYTES = (int) MIB;

  /** The largest page a fault may ask for, in bytes. */
  public static final long PAGE_BYTES = 1L << 30;

  /** Additional connections of one migration. */
  public static final int CONNECTIONS = 128;

  /**
   * MemoryFd commands of one migration: each holds a descriptor of this process, whose usual limit
   * is 1,024.
   */
  public static final int MEMORY_FDS = 512;

  /** How long a source may take to send Start, once it is connected. */
  public static final Duration START_TIMEOUT = Duration.ofSeconds(10);

  /** How long an additional connection may take to send its role. */
  public static final Duration ROLE_TIMEOUT = Duration.ofSeconds(10);

  /** How long after State the fault connection may take to come. */
  public static final Duration FAULT_CONNECTION_TIMEOUT = Duration.ofSeconds(30);

  private WireLimits() {}

  /**
   * Checks the payload length of a request.
   *
   * @return the length, now known to fit an {@code int}
   * @throws ProtocolException if the command does not allow it
   */
  public static int check(Request request) throws ProtocolException {
    long length = request.length();
    switch (request.command()) {
      case START,
          COMPLETE,
          ABANDON,
          COMPLETE_PAUSED,
          PUSHED,
          FILLED,
          SETTLED,
          OWNER,
          MISSING,
          ALIVE ->
          exactly(request, 0);
      case IDENTIFY -> exactly(request, WireFormat.KEY_BYTES);
      case MEMORY_FD -> exactly(request, WireFormat.SLOT_BYTES);
      case PAGE_FAULT, PREFAULT -> exactly(request, WireFormat.RANGE_BYTES);
      case CONFIG -> atMost(request, CONFIG_BYTES);
      case STATE -> atMost(request, STATE_BYTES);
      case MEMORY, MEMORY_ZERO, DISCARD -> table(request, 0);
      case MEMORY_COMPRESSED -> table(request, WireFormat.COMPRESSED_HEADER_BYTES);
    }
    return (int) length;
  }

  /**
   * Checks a command with a range table against the guest it is for: no more ranges than the guest
   * has 4 KiB pages.
   *
   * @param guestBytes size of the guest's memory
   * @return the payload's length in bytes, now known to fit an {@code int}
   * @throws ProtocolException if the command does not allow it
   */
  public static int checkTable(Request request, long guestBytes) throws ProtocolException {
    int length = check(request);
    long pages = (guestBytes + 4095) / 4096;
    if (length / WireFormat.RANGE_BYTES > pages) {
      throw new ProtocolException("at most one range a page, " + pages, text(request));
    }
    return length;
  }

  /**
   * Checks a page fault's range: a page of 4 KiB, 2 MiB or 1 GiB at its natural boundary.
   *
   * @throws ProtocolException if it is anything else
   */
  public static void checkPage(MemoryRange page) throws ProtocolException {
    long size = page.length();
    boolean known = size == 4096 || size == 2 * MIB || size == PAGE_BYTES;
    if (!known || (page.gpa() & (size - 1)) != 0) {
      throw new ProtocolException("an aligned page of 4 KiB, 2 MiB or 1 GiB", page.toString());
    }
  }

  /**
   * Checks the answer to a page fault: an error, or ok with nothing or the whole page behind it;
   * before these the page's range, where NAMED_ANSWERS was agreed.
   *
   * @param pageBytes the size that was asked for
   * @throws ProtocolException if it announces any other number of bytes
   */
  public static void checkPageAnswer(Response response, long pageBytes, Extensions agreed)
      throws ProtocolException {
    long length = response.length();
    int named = response.isOk() ? Response.rangeBytes(agreed) : 0;
    if (length != named && (!response.isOk() || length != named + pageBytes)) {
      throw new ProtocolException(
          "an answer of " + named + " or " + (named + pageBytes) + " bytes to a page fault",
          response.status() + " with " + Long.toUnsignedString(response.length()) + " bytes");
    }
  }

  private static void table(Request request, int headerBytes) throws ProtocolException {
    atMost(request, headerBytes + RANGE_TABLE_BYTES);
    long tableBytes = request.length() - headerBytes;
    if (tableBytes < 0 || tableBytes % WireFormat.RANGE_BYTES != 0) {
      throw new ProtocolException("a range table of a multiple of 16 bytes", text(request));
    }
  }

  private static void exactly(Request request, long bytes) throws ProtocolException {
    if (request.length() != bytes) {
      throw new ProtocolException(
          request.command() + " with a payload of " + bytes + " bytes", text(request));
    }
  }

  private static void atMost(Request request, long bytes) throws ProtocolException {
    if (Long.compareUnsigned(request.length(), bytes) > 0) {
      throw new ProtocolException(
          request.command() + " with a payload of at most " + bytes + " bytes", text(request));
    }
  }

  private static String text(Request request) {
    return Long.toUnsignedString(request.length()) + " bytes";
  }
}
