package io.vmferry.actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.boot.KernelFiles;
import io.vmferry.actors.boot.TinyKernel;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.MigrationSummary;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.streams.compression.Compression;
import io.vmferry.streams.pages.TimeoutStrategy;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A guest whose pages become zero while it moves: what that costs on the wire. */
@RequiresKvm
class PageEncodingMigrationIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final long MIB = 1L << 20;
  private static final int FROM = (int) (32 * MIB);
  private static final int PAGES = 2048;
  private static final long FILLED = PAGES * 4096L;

  @TempDir Path directory;

  private final TestHost source = new TestHost(KIT);
  private final TestHost destination = new TestHost(KIT);

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @Test
  void withoutExtensionsZerosAreSentAsBytes() throws IOException {
    MigrationSummary moved = move(false, Compression.AUTO);

    // What had left before the guest wiped it, at least a chunk, and all of it again.
    assertTrue(moved.bytesSent() >= FILLED + MIB, moved.toString());
  }

  @Test
  void zerosAreSentAsRanges() throws IOException {
    MigrationSummary moved = move(true, Compression.OFF);

    assertTrue(moved.bytesSent() <= FILLED + MIB / 2, moved.toString());
  }

  @ParameterizedTest
  @EnumSource(
      value = Compression.class,
      names = {"ZSTD", "LZ4"})
  void pagesWithOneWordAreCompressed(Compression compression) throws IOException {
    MigrationSummary moved = move(true, compression);

    assertTrue(moved.bytesSent() <= FILLED / 8, moved.toString());
  }

  private MigrationSummary move(boolean extensions, Compression compression) throws IOException {
    Path kernel =
        KernelFiles.write(directory, "wiper", KernelFiles.pvhElf(TinyKernel.wiper(FROM, PAGES)));
    source.create(
        new VmSpec(
            "wiper", 1, 64 * MIB, PageSize.KIB_4, new GuestSource.Kernel(kernel, null, null)));
    source.change("wiper", VmHost.Change.BOOT);
    await(source, "filled");
    TestProbe<MigrationEvent> sent = KIT.createTestProbe(MigrationEvent.class);
    TestProbe<MigrationEvent> received = KIT.createTestProbe(MigrationEvent.class);
    ReceiveOptions receive =
        new ReceiveOptions("tcp:127.0.0.1:0", MemoryMode.PRECOPY, true, true, null, false, null);

    String url = destination.receive(receive, received).url();
    source.send(
        "wiper",
        SendOptions.to(url, MemoryMode.PRECOPY)
            .downtime(Duration.ofMillis(1))
            .timeout(Duration.ofSeconds(30), TimeoutStrategy.IGNORE)
            .bandwidth(2 * MIB)
            .verify(true)
            .extensions(extensions)
            .compression(compression)
            .build(),
        sent);

    MigrationEvent departure = TestHost.ending(sent);
    MigrationEvent arrival = TestHost.ending(received);
    MigrationSummary left =
        assertInstanceOf(MigrationEvent.Finished.class, departure, departure + " / " + arrival)
            .summary();
    MigrationSummary arrived = assertInstanceOf(MigrationEvent.Finished.class, arrival).summary();
    assertEquals(left.memoryDigest(), arrived.memoryDigest());
    System.out.println(left);
    destination.delete("wiper");
    return left;
  }

  private static void await(TestHost host, String text) {
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (!host.console("wiper").contains(text)) {
      assertTrue(System.nanoTime() < deadline, () -> host.console("wiper"));
      KIT.createTestProbe().expectNoMessage(Duration.ofMillis(5));
    }
  }
}
