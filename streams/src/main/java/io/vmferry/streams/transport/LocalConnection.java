package io.vmferry.streams.transport;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.socket.UnixConnection;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/** A connection over a UNIX socket, which can pass descriptors. */
public final class LocalConnection implements Connection {
  private final UnixConnection socket;
  private final ChannelIo<UnixConnection> io;

  private LocalConnection(UnixConnection socket) {
    this.socket = socket;
    this.io = ChannelIo.over(socket, "unix " + socket.path());
  }

  /** Takes a connected socket over. */
  static LocalConnection of(UnixConnection socket) {
    return new LocalConnection(socket);
  }

  @Override
  public void readFully(ByteBuffer into) throws IOException {
    io.readFully(into, false);
  }

  @Override
  public boolean readFullyOrEof(ByteBuffer into) throws IOException {
    return io.readFully(into, true);
  }

  @Override
  public int read(ByteBuffer into) throws IOException {
    return io.read(into);
  }

  @Override
  public void writeFully(ByteBuffer... from) throws IOException {
    io.writeFully(from);
  }

  @Override
  public boolean passesDescriptors() {
    return true;
  }

  @Override
  public void sendWithFd(ByteBuffer from, OwnedFd fd) throws IOException {
    int bytes = from.remaining();
    io.writing(
        () -> {
          socket.sendWithFd(from, fd);
          return bytes;
        });
    io.addWritten(bytes);
  }

  @Override
  public OwnedFd receiveWithFd(ByteBuffer into) throws IOException {
    int before = into.remaining();
    OwnedFd fd = io.reading(() -> received(into));
    io.addRead(before - into.remaining());
    try {
      io.readFully(into, false);
      return fd;
    } catch (IOException | RuntimeException e) {
      fd.close();
      throw e;
    }
  }

  private OwnedFd received(ByteBuffer into) throws IOException {
    OwnedFd fd = socket.receiveWithFd(into);
    if (fd == null) {
      throw new TransportException("the message came without a file descriptor", null);
    }
    return fd;
  }

  @Override
  public void setReadTimeout(Duration timeout, BooleanSupplier due) {
    io.setReadTimeout(timeout, due);
  }

  @Override
  public void setWriteTimeout(Duration timeout) {
    io.setWriteTimeout(timeout);
  }

  /** Does nothing: a UNIX socket never waits for more to send. */
  @Override
  public void noDelay(boolean on) {}

  @Override
  public long bytesRead() {
    return io.bytesRead();
  }

  @Override
  public long bytesWritten() {
    return io.bytesWritten();
  }

  @Override
  public boolean isOpen() {
    return io.isOpen();
  }

  @Override
  public String describe() {
    return io.name();
  }

  @Override
  public void close() {
    io.close();
  }

  @Override
  public String toString() {
    return describe();
  }
}
