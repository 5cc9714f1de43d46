package io.vmferry.actors.boot;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A kernel or initrd file: ranges are checked against its size before anything is read. */
final class BootFile implements AutoCloseable {
  private static final int COPY_BYTES = 1 << 20;

  private final String name;
  private final FileChannel channel;
  private final long sizeBytes;

  private BootFile(String name, FileChannel channel, long sizeBytes) {
    this.name = name;
    this.channel = channel;
    this.sizeBytes = sizeBytes;
  }

  /**
   * Opens a file.
   *
   * @param what {@code kernel} or {@code initrd}
   * @throws IOException with one sentence for the user if it cannot be read
   * @throws IllegalArgumentException with one sentence for the user if it is empty, or no file
   */
  static BootFile open(Path path, String what) throws IOException {
    String name = "The " + what + " file " + path.getFileName();
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      throw new IllegalArgumentException(name + " is not a regular file.");
    }
    FileChannel channel;
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ);
    } catch (NoSuchFileException e) {
      throw new IOException(name + " does not exist on this host.", e);
    } catch (IOException e) {
      throw new IOException(name + " cannot be read on this host.", e);
    }
    BootFile file = new BootFile(name, channel, channel.size());
    if (file.sizeBytes == 0) {
      file.close();
      throw new IllegalArgumentException(name + " is empty.");
    }
    return file;
  }

  /** The file in words that begin a sentence, such as {@code The kernel file vmlinux}. */
  String name() {
    return name;
  }

  long sizeBytes() {
    return sizeBytes;
  }

  /** A sentence about this file for the user. */
  IllegalArgumentException bad(String rest) {
    return new IllegalArgumentException(name + " " + rest);
  }

  /**
   * Checks that the file has a range.
   *
   * @throws IllegalArgumentException with one sentence for the user if it ends earlier
   */
  void require(long offset, long lengthBytes) {
    if (offset < 0 || lengthBytes < 0 || offset > sizeBytes - lengthBytes) {
      throw bad("is truncated or damaged: a part of it lies behind its end.");
    }
  }

  /** Reads a range, little-endian. */
  ByteBuffer read(long offset, int lengthBytes) throws IOException {
    require(offset, lengthBytes);
    ByteBuffer bytes = ByteBuffer.allocate(lengthBytes).order(ByteOrder.LITTLE_ENDIAN);
    fill(bytes, offset);
    return bytes.flip();
  }

  /** Copies a range into guest memory, which holds the whole of it in one region. */
  void copyTo(long offset, long lengthBytes, GuestMemory memory, Gpa gpa) throws IOException {
    require(offset, lengthBytes);
    ByteBuffer buffer = ByteBuffer.allocateDirect((int) Math.min(lengthBytes, COPY_BYTES));
    for (long done = 0; done < lengthBytes; done += buffer.limit()) {
      buffer.clear().limit((int) Math.min(lengthBytes - done, COPY_BYTES));
      fill(buffer, offset + done);
      memory.write(gpa.plus(done), buffer.flip());
    }
  }

  private void fill(ByteBuffer buffer, long offset) throws IOException {
    long at = offset;
    while (buffer.hasRemaining()) {
      int read = channel.read(buffer, at);
      if (read < 0) {
        throw new IOException(name + " became shorter while it was read.");
      }
      at += read;
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
