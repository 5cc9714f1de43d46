package io.vmferry.streams.transport;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/** A connection whose bytes go over a channel: what TCP, TLS and UNIX sockets do alike. */
abstract class ChannelConnection implements Connection {
  final ChannelIo<?> io;

  ChannelConnection(ChannelIo<?> io) {
    this.io = io;
  }

  @Override
  public final void readFully(ByteBuffer into) throws IOException {
    io.readFully(into, false);
  }

  @Override
  public final boolean readFullyOrEof(ByteBuffer into) throws IOException {
    return io.readFully(into, true);
  }

  @Override
  public final int read(ByteBuffer into) throws IOException {
    return io.read(into);
  }

  @Override
  public final void writeFully(ByteBuffer... from) throws IOException {
    io.writeFully(from);
  }

  @Override
  public final void setReadTimeout(Duration timeout, BooleanSupplier due) {
    io.setReadTimeout(timeout, due);
  }

  @Override
  public final void setWriteTimeout(Duration timeout) {
    io.setWriteTimeout(timeout);
  }

  @Override
  public final long bytesRead() {
    return io.bytesRead();
  }

  @Override
  public final long bytesWritten() {
    return io.bytesWritten();
  }

  @Override
  public final boolean isOpen() {
    return io.isOpen();
  }

  @Override
  public final String describe() {
    return io.name();
  }

  @Override
  public final void close() {
    io.close();
  }

  @Override
  public final String toString() {
    return describe();
  }
}
