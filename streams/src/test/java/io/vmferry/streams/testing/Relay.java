package io.vmferry.streams.testing;

import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

/** Somebody on the way between two hosts, for one connection, who can cut and change. */
public final class Relay implements AutoCloseable {
  private final ServerSocket server;
  private final MigrationUrl.Tcp target;
  private volatile Socket near;
  private volatile Socket far;
  private volatile boolean flip;

  private Relay(ServerSocket server, MigrationUrl.Tcp target) {
    this.server = server;
    this.target = target;
  }

  /** Waits for one connection, and makes one to the target then. */
  public static Relay to(MigrationUrl target) throws IOException {
    Relay relay =
        new Relay(
            new ServerSocket(0, 1, InetAddress.getLoopbackAddress()), (MigrationUrl.Tcp) target);
    Thread thread = new Thread(relay::connect, "relay");
    thread.setDaemon(true);
    thread.start();
    return relay;
  }

  /** Where it waits. */
  public MigrationUrl url() {
    return new MigrationUrl.Tcp("127.0.0.1", server.getLocalPort());
  }

  private void connect() {
    try {
      near = server.accept();
      far = new Socket(target.host(), target.port());
      Thread back = new Thread(() -> copy(far, near), "relay-back");
      back.setDaemon(true);
      back.start();
      copy(near, far);
    } catch (IOException e) {
      // Closed, as the test wants it.
    }
  }

  private void copy(Socket from, Socket to) {
    byte[] buffer = new byte[64 << 10];
    try {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        if (flip) {
          buffer[n - 1] ^= 1;
          flip = false;
        }
        out.write(buffer, 0, n);
      }
    } catch (IOException e) {
      // Closed, as the test wants it.
    }
  }

  /** Changes the last bit of the next bytes that come. */
  public void flipNext() {
    flip = true;
  }

  /** Ends the connection to the target as a peer does that has nothing more to say. */
  public void cut() throws IOException {
    far.shutdownOutput();
  }

  @Override
  public void close() throws IOException {
    server.close();
    for (Socket socket : new Socket[] {near, far}) {
      if (socket != null) {
        socket.close();
      }
    }
  }
}
