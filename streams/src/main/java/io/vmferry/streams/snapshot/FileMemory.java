package io.vmferry.streams.snapshot;

import io.vmferry.kvm.memory.SparseFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Objects;

/** Memory that is a part of a file, on disk or in memory; the file stays its owner's. */
public final class FileMemory implements MemorySource {
  private final SparseFile file;
  private final long offset;
  private final long sizeBytes;

  /**
   * The memory from an offset on.
   *
   * @throws IndexOutOfBoundsException if the file is shorter
   */
  public FileMemory(SparseFile file, long offset, long sizeBytes) {
    Objects.checkFromIndexSize(offset, sizeBytes, file.sizeBytes());
    this.file = file;
    this.offset = offset;
    this.sizeBytes = sizeBytes;
  }

  @Override
  public long sizeBytes() {
    return sizeBytes;
  }

  @Override
  public long nextData(long at) throws IOException {
    long data = file.nextData(offset + at);
    return data < 0 || data >= offset + sizeBytes ? -1 : data - offset;
  }

  @Override
  public long nextHole(long at) throws IOException {
    long hole = file.nextHole(offset + at);
    if (hole < 0) {
      throw new SnapshotException("The file of the memory became shorter while it was read.");
    }
    return Math.min(sizeBytes, hole - offset);
  }

  @Override
  public void readAt(long at, ByteBuffer destination) throws IOException {
    Objects.checkFromIndexSize(at, destination.remaining(), sizeBytes);
    file.readAt(offset + at, destination);
  }

  @Override
  public void prefetch(long at, long lengthBytes) {
    Objects.checkFromIndexSize(at, lengthBytes, sizeBytes);
    file.prefetch(offset + at, lengthBytes);
  }

  @Override
  public boolean isWhole() throws IOException {
    return file.isWhole();
  }
}
