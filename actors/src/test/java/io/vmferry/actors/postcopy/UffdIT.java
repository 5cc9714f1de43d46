package io.vmferry.actors.postcopy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.transfer.MissingPages;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Connector;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Extensions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** The end of a fill whose guest was thrown away. */
@RequiresUffd
class UffdIT {
  private static final ActorTestKit kit = ActorTestKit.create();

  @AfterAll
  static void shutdown() {
    kit.shutdownTestKit();
  }

  @Test
  void closesItsDescriptorAlsoWhenTheMemoryIsGoneBeforeIt() throws Exception {
    TestProbe<Uffd.Event> owner = kit.createTestProbe();
    GuestMemory memory = GuestMemory.allocate(4L << 20, PageSize.KIB_4);
    try (Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"));
        Connection source = Connector.connect(listener.url(), Duration.ofSeconds(5));
        Connection accepted = listener.accept()) {
      ActorRef<Uffd.Command> uffd = kit.spawn(fill(MissingPages.all(memory), accepted, owner));
      owner.expectMessageClass(Uffd.Registered.class);
      assertEquals(1, openUserfaultfds());

      memory.close();
      kit.stop(uffd);

      assertEquals(0, openUserfaultfds(), source::describe);
    }
  }

  @Test
  void isBrokenAndHoldsNothingWhenTheMemoryIsGoneBeforeItStarts() throws Exception {
    TestProbe<Uffd.Event> owner = kit.createTestProbe();
    GuestMemory memory = GuestMemory.allocate(4L << 20, PageSize.KIB_4);
    MissingPages missing = MissingPages.all(memory);
    memory.close();
    try (Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"));
        Connection source = Connector.connect(listener.url(), Duration.ofSeconds(5));
        Connection accepted = listener.accept()) {
      kit.spawn(fill(missing, accepted, owner));

      owner.expectMessageClass(Uffd.Broken.class);
      assertEquals(0, openUserfaultfds(), source::describe);
    }
  }

  private static Behavior<Uffd.Command> fill(
      MissingPages missing, Connection source, TestProbe<Uffd.Event> owner) {
    return Uffd.create(
        missing,
        source,
        Extensions.NONE,
        Duration.ZERO,
        new FillProgress(new AtomicLong()),
        false,
        owner.getRef());
  }

  private static long openUserfaultfds() throws IOException {
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
      return descriptors.filter(UffdIT::isUserfaultfd).count();
    }
  }

  private static boolean isUserfaultfd(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString().contains("[userfaultfd]");
    } catch (IOException e) {
      // The one that the listing itself used.
      return false;
    }
  }
}
