package io.vmferry.kvm.socket;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.event.EventFd;
import io.vmferry.kvm.memory.DirectBuffers;
import io.vmferry.kvm.memory.Mapping;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.PageSize;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** The other JVM of {@link UnixSocketIT}: takes a memfd and an eventfd, gives a memfd. */
final class DescriptorPeer {
  private DescriptorPeer() {}

  public static void main(String[] arguments) throws IOException {
    try (UnixConnection connection = UnixConnection.connect(Path.of(arguments[0]));
        Memfd memfd = Memfd.adopt(receive(connection, 1));
        Mapping mapping = memfd.map(0, memfd.sizeBytes());
        EventFd event = EventFd.adopt(receive(connection, 2));
        Memfd own = Memfd.create("child", 8192, PageSize.KIB_4)) {
      ByteBuffer bytes = mapping.slice(0, 2);
      bytes.put(1, (byte) (2 * bytes.get(0)));
      for (int i = 0; i < 3; i++) {
        event.signal();
      }
      connection.sendWithFd(DirectBuffers.allocate(1), own.fd());
    }
  }

  private static OwnedFd receive(UnixConnection connection, int expected) throws IOException {
    ByteBuffer tag = DirectBuffers.allocate(1);
    OwnedFd fd = connection.receiveWithFd(tag);
    if (fd == null || tag.get(0) != expected) {
      throw new IOException("expected descriptor " + expected + ", got tag " + tag.get(0));
    }
    return fd;
  }
}
