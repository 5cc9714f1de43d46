package io.vmferry.streams.transport;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.socket.UnixConnection;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A connection over a UNIX socket, which can pass descriptors. */
public final class LocalConnection extends ChannelConnection {
  private final UnixConnection socket;

  private LocalConnection(UnixConnection socket) {
    super(ChannelIo.over(socket, "unix " + socket.path()));
    this.socket = socket;
  }

  /** Takes a connected socket over. */
  static LocalConnection of(UnixConnection socket) {
    return new LocalConnection(socket);
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

  /** Does nothing: a UNIX socket never waits for more to send. */
  @Override
  public void noDelay(boolean on) {}
}
