package io.vmferry.streams.transfer;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.streams.transport.Connection;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/** A connection on which one bit of the byte at one offset arrives flipped. */
final class FlippingConnection implements Connection {
  private final Connection connection;
  private final long flipAt;

  FlippingConnection(Connection connection, long flipAt) {
    this.connection = connection;
    this.flipAt = flipAt;
  }

  @Override
  public void readFully(ByteBuffer into) throws IOException {
    readFullyOrEof(into);
  }

  @Override
  public boolean readFullyOrEof(ByteBuffer into) throws IOException {
    long offset = connection.bytesRead();
    int start = into.position();
    boolean read = connection.readFullyOrEof(into);
    flip(into, start, offset);
    return read;
  }

  @Override
  public int read(ByteBuffer into) throws IOException {
    long offset = connection.bytesRead();
    int start = into.position();
    int read = connection.read(into);
    flip(into, start, offset);
    return read;
  }

  private void flip(ByteBuffer into, int start, long offset) {
    if (flipAt >= offset && flipAt < offset + into.position() - start) {
      int at = start + (int) (flipAt - offset);
      into.put(at, (byte) (into.get(at) ^ 1));
    }
  }

  @Override
  public void writeFully(ByteBuffer... from) throws IOException {
    connection.writeFully(from);
  }

  @Override
  public boolean passesDescriptors() {
    return connection.passesDescriptors();
  }

  @Override
  public void sendWithFd(ByteBuffer from, OwnedFd fd) throws IOException {
    connection.sendWithFd(from, fd);
  }

  @Override
  public OwnedFd receiveWithFd(ByteBuffer into) throws IOException {
    return connection.receiveWithFd(into);
  }

  @Override
  public void setReadTimeout(Duration timeout, BooleanSupplier due) {
    connection.setReadTimeout(timeout, due);
  }

  @Override
  public void setWriteTimeout(Duration timeout) {
    connection.setWriteTimeout(timeout);
  }

  @Override
  public void noDelay(boolean on) throws IOException {
    connection.noDelay(on);
  }

  @Override
  public long bytesRead() {
    return connection.bytesRead();
  }

  @Override
  public long bytesWritten() {
    return connection.bytesWritten();
  }

  @Override
  public boolean isOpen() {
    return connection.isOpen();
  }

  @Override
  public String describe() {
    return connection.describe();
  }

  @Override
  public void close() {
    connection.close();
  }
}
