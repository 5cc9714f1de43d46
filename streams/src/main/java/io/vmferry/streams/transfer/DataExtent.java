package io.vmferry.streams.transfer;

import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.Memfd;
import org.jspecify.annotations.Nullable;

/**
 * The stretch of data that was found last in a memory file which no longer changes, and the hole
 * before it. To find the end of a stretch the kernel walks all of it: whoever asks again for each
 * piece walks the whole file each time.
 *
 * <p>One thread at a time.
 */
final class DataExtent {
  private @Nullable Memfd file;
  private long holeStart;
  private long dataStart;
  private long dataEnd;

  /**
   * Whether a part of a file has no data.
   *
   * @param offset in the file, in bytes
   * @param length in bytes
   * @throws SyscallException if the file cannot be examined
   */
  boolean isHole(Memfd in, long offset, long length) throws SyscallException {
    if (in != file || offset < holeStart || offset >= dataEnd) {
      find(in, offset);
    }
    return offset + length <= dataStart;
  }

  private void find(Memfd in, long offset) throws SyscallException {
    long data = in.nextData(offset);
    dataStart = data < 0 ? Long.MAX_VALUE : data;
    dataEnd = data < 0 ? Long.MAX_VALUE : in.nextHole(data);
    holeStart = offset;
    file = in;
  }
}
