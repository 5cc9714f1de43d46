package io.vmferry.kvm.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.event.Epoll;
import io.vmferry.kvm.event.EventFd;
import io.vmferry.kvm.socket.UnixConnection;
import io.vmferry.kvm.socket.UnixListener;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.kvm.uffd.Uffd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@RequiresUffd
@Timeout(120)
class OpenCloseIT {
  // The JVM itself maps code and heap now and then; a leak of one mapping a round is 2,000.
  private static final long MAPS_OF_THE_JVM = 100;

  @TempDir Path directory;

  @Test
  void twoThousandRoundsLeaveDescriptorsAndMappingsAsTheyWere() throws Exception {
    for (int i = 0; i < 100; i++) {
      round();
    }
    long descriptors = descriptors();
    long maps = maps("");

    for (int i = 0; i < 2000; i++) {
      round();
    }

    assertEquals(descriptors, descriptors());
    assertEquals(0, maps("memfd:"));
    long grown = maps("") - maps;
    assertTrue(grown < MAPS_OF_THE_JVM, () -> grown + " more mappings");
  }

  private void round() throws IOException {
    Path path = directory.resolve("s");
    try (GuestMemory memory = GuestMemory.allocate(1 << 20, PageSize.KIB_4);
        Mapping anonymous = Mapping.anonymous(1 << 16);
        Uffd uffd = Uffd.open();
        EventFd event = EventFd.create();
        Epoll epoll = Epoll.create();
        UnixListener listener = UnixListener.bind(path);
        UnixConnection client = UnixConnection.connect(path);
        UnixConnection server = listener.accept()) {
      GuestRegion region = memory.regions().get(0);
      anonymous.fill(0, 1, (byte) 1);
      uffd.register(region.mapping().hva(), region.sizeBytes(), Set.of(Uffd.Mode.MISSING));
      epoll.add(uffd.fd(), Epoll.IN, 0);
      epoll.add(event.fd(), Epoll.IN, 1);
      client.sendWithFd(DirectBuffers.allocate(1), region.memfd().fd());
      try (OwnedFd passed = server.receiveWithFd(DirectBuffers.allocate(1));
          Memfd adopted = Memfd.adopt(passed);
          Mapping second = adopted.map(0, adopted.sizeBytes())) {
        second.fill(0, 4096, (byte) 2);
      }
    }
  }

  private static long descriptors() throws IOException {
    try (var list = Files.list(Path.of("/proc/self/fd"))) {
      return list.count();
    }
  }

  private static long maps(String containing) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/maps")).stream()
        .filter(line -> line.contains(containing))
        .count();
  }
}
