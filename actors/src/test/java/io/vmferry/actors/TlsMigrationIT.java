package io.vmferry.actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.MigrationSummary;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.VmInfo;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.pages.TimeoutStrategy;
import io.vmferry.streams.testing.TestAuthority;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A real guest between two hosts of one process, over TLS. */
@RequiresKvm
@RequiresUffd
class TlsMigrationIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final long MIB = 1L << 20;

  @TempDir Path directory;

  private final TestAuthority authority = new TestAuthority("authority");
  private final TestHost source = new TestHost(KIT);
  private final TestHost destination = new TestHost(KIT);
  private String sourceFiles;
  private String destinationFiles;

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @BeforeEach
  void boot() throws IOException {
    sourceFiles = authority.fill(directory.resolve("source")).toString();
    destinationFiles = authority.fill(directory.resolve("destination")).toString();
    source.create(
        new VmSpec(
            "moved", 2, 64 * MIB, PageSize.KIB_4, new GuestSource.Standard(4 * MIB, 8 * MIB)));
    source.change("moved", VmHost.Change.BOOT);
    source.awaitSweeps("moved", 1);
  }

  @ParameterizedTest
  @CsvSource({
    "PRECOPY, 1, true",
    "PRECOPY, 4, true",
    "PRECOPY, 2, false",
    "POSTCOPY, 1, true",
    "POSTCOPY, 3, true",
    "POSTCOPY, 1, false",
    "HYBRID, 1, true",
    "HYBRID, 2, true"
  })
  void movesARunningGuestWholeWhileTheCollectorRuns(
      MemoryMode mode, int connections, boolean extensions) throws Exception {
    AtomicBoolean done = new AtomicBoolean();
    Thread collector = new Thread(() -> collect(done), "collector");
    collector.start();
    try {
      TestProbe<MigrationEvent> sent = KIT.createTestProbe(MigrationEvent.class);
      TestProbe<MigrationEvent> received = KIT.createTestProbe(MigrationEvent.class);

      String url = receive(mode, extensions, received);
      source.send("moved", options(url, mode, connections, extensions), sent);

      MigrationSummary left = finished(TestHost.ending(sent));
      MigrationSummary arrived = finished(TestHost.ending(received));
      assertNotNull(left.memoryDigest());
      assertEquals(left.memoryDigest(), arrived.memoryDigest());
      VmInfo info = destination.awaitSweeps("moved", 2);
      assertEquals(0, info.guest().mismatches(), () -> destination.console("moved"));
      destination.delete("moved");
    } finally {
      done.set(true);
      collector.join();
    }
  }

  /** Bytes under TLS are touched by Java code, which must never be where a page is missing. */
  private static void collect(AtomicBoolean done) {
    while (!done.get()) {
      System.gc();
      LockSupport.parkNanos(100_000_000); // or the guest gets no time
    }
  }

  private static MigrationSummary finished(MigrationEvent ending) {
    return assertInstanceOf(MigrationEvent.Finished.class, ending, ending::toString).summary();
  }

  @Test
  void aSourceOfAnotherAuthorityIsRefusedAndKeepsItsGuest() throws Exception {
    TestAuthority.put(
        Path.of(sourceFiles), "client", new TestAuthority("authority").issue("client"));

    assertRefused("the peer does not accept this host's certificate");
  }

  @Test
  void aSourceWithoutTlsFilesIsRefusedBeforeItConnects() throws Exception {
    sourceFiles = directory.resolve("nothing").toString();

    assertRefused("TLS directory " + sourceFiles + " is not a directory");
  }

  @Test
  void aDestinationForAnotherHostIsRefused() throws Exception {
    TestAuthority.put(
        Path.of(destinationFiles), "server", authority.issue("server", "node7.example"));

    assertRefused("the peer's certificate is not for this host name");
  }

  private void assertRefused(String why) {
    TestProbe<MigrationEvent> sent = KIT.createTestProbe(MigrationEvent.class);
    TestProbe<MigrationEvent> received = KIT.createTestProbe(MigrationEvent.class);

    String url = receive(MemoryMode.PRECOPY, true, received);
    source.send("moved", options(url, MemoryMode.PRECOPY, 1, true), sent);

    MigrationEvent.Failed failed =
        assertInstanceOf(MigrationEvent.Failed.class, TestHost.ending(sent));
    assertTrue(failed.toString().contains(why), failed::toString);
    assertEquals(0, source.awaitSweeps("moved", 1).guest().mismatches());
    source.delete("moved");
  }

  private String receive(MemoryMode mode, boolean extensions, TestProbe<MigrationEvent> events) {
    return destination
        .receive(
            new ReceiveOptions(
                "tcp:127.0.0.1:0", mode, true, extensions, null, false, destinationFiles),
            events)
        .url();
  }

  private SendOptions options(String url, MemoryMode mode, int connections, boolean extensions) {
    return SendOptions.to(url, mode)
        .connections(connections)
        .timeout(Duration.ofSeconds(30), TimeoutStrategy.IGNORE)
        .verify(true)
        .extensions(extensions)
        .tlsDir(sourceFiles)
        .build();
  }
}
