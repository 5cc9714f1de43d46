package io.vmferry.daemon.faults;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.socket.UnixConnection;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/** A node's end of a proxied connection. One thread may read while another writes. */
interface Endpoint extends Closeable {
  /** At least one byte, or -1 at the end. */
  int read(ByteBuffer into) throws IOException;

  /** The same with what came beside the bytes: null for nothing. */
  @Nullable OwnedFd readWithDescriptor(ByteBuffer into) throws IOException;

  /** All bytes. */
  void write(ByteBuffer from) throws IOException;

  /** All bytes and a descriptor beside them. */
  void write(ByteBuffer from, OwnedFd descriptor) throws IOException;

  /** The node reads the end of the stream; what it writes still comes. */
  void endOutput() throws IOException;

  /** Dials a node. */
  static Endpoint connect(MigrationUrl url) throws IOException {
    if (url instanceof MigrationUrl.Unix unix) {
      return new OverUnix(UnixConnection.connect(unix.path()));
    }
    MigrationUrl.Tcp tcp = (MigrationUrl.Tcp) url;
    return OverTcp.of(
        SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), tcp.port())));
  }

  /** TCP, without Nagle's delay. */
  record OverTcp(SocketChannel channel) implements Endpoint {
    static OverTcp of(SocketChannel channel) throws IOException {
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      return new OverTcp(channel);
    }

    @Override
    public int read(ByteBuffer into) throws IOException {
      return channel.read(into);
    }

    @Override
    public @Nullable OwnedFd readWithDescriptor(ByteBuffer into) throws IOException {
      if (channel.read(into) < 0) {
        throw new java.io.EOFException();
      }
      return null;
    }

    @Override
    public void write(ByteBuffer from) throws IOException {
      while (from.hasRemaining()) {
        channel.write(from);
      }
    }

    @Override
    public void write(ByteBuffer from, OwnedFd descriptor) {
      throw new IllegalStateException("TCP passes no descriptors");
    }

    @Override
    public void endOutput() throws IOException {
      channel.shutdownOutput();
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

  /** A UNIX socket, which passes descriptors. */
  record OverUnix(UnixConnection connection) implements Endpoint {
    @Override
    public int read(ByteBuffer into) throws IOException {
      return connection.read(into);
    }

    @Override
    public @Nullable OwnedFd readWithDescriptor(ByteBuffer into) throws IOException {
      return connection.receiveWithFd(into);
    }

    @Override
    public void write(ByteBuffer from) throws IOException {
      connection.write(from);
    }

    @Override
    public void write(ByteBuffer from, OwnedFd descriptor) throws IOException {
      connection.sendWithFd(from, descriptor);
    }

    @Override
    public void endOutput() throws IOException {
      connection.shutdownOutput();
    }

    @Override
    public void close() {
      connection.close();
    }
  }
}
