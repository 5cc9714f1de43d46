package io.vmferry.kvm.sandbox;

import com.sun.jna.Memory;
import io.vmferry.kvm.event.Epoll;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/**
 * What the JDK and JNA do once in a process, when something is first used, and no fenced thread
 * may: make a socket to see what there is, install a signal handler, start a thread. A class whose
 * first use fails is of no use to any thread any more.
 */
final class FirstUses {
  // JNA frees memory on a thread that it starts when there is some, and lets end when there is none
  // left. This keeps it.
  private static final Memory KEEPS_CLEANER = new Memory(Long.BYTES);

  private FirstUses() {}

  /** Makes them; later calls cost little, and change nothing. */
  static void make() {
    InetSocketAddress loopback = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    ByteBuffer one = ByteBuffer.allocateDirect(1);
    try (ServerSocketChannel server = ServerSocketChannel.open().bind(loopback);
        SocketChannel here = SocketChannel.open(server.getLocalAddress());
        SocketChannel there = server.accept();
        FileChannel file = FileChannel.open(Path.of("/dev/null"))) {
      here.write(one);
      int unused = there.read(one.clear()) + file.read(one.clear());
      Epoll.create().close();
    } catch (IOException e) {
      // Such as a host without a loopback interface: what counts is that it was tried.
    }
    KEEPS_CLEANER.setLong(0, 0);
  }
}
