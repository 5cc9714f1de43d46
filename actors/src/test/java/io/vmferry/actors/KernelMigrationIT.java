package io.vmferry.actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.boot.KernelFiles;
import io.vmferry.actors.boot.TinyKernel;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.pages.TimeoutStrategy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A guest booted from a kernel file moves in the middle of its serial output. */
@RequiresKvm
@RequiresUffd
class KernelMigrationIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final long MIB = 1L << 20;
  private static final String LINES = "scratch=0000005a\nenabled=00000004\n";

  @TempDir Path directory;

  private final TestHost source = new TestHost(KIT);
  private final TestHost destination = new TestHost(KIT);

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @ParameterizedTest
  @EnumSource(
      value = MemoryMode.class,
      names = {"PRECOPY", "POSTCOPY"})
  void movesWithItsSerialPortAndWithoutItsFile(MemoryMode mode) throws IOException {
    Path kernel = KernelFiles.write(directory, "chat", KernelFiles.pvhElf(TinyKernel.chatterer()));
    source.create(
        new VmSpec(
            "chat", 2, 64 * MIB, PageSize.KIB_4, new GuestSource.Kernel(kernel, null, "talk")));
    source.change("chat", VmHost.Change.BOOT);
    awaitOutput(source, 200);
    Files.delete(kernel);

    TestProbe<MigrationEvent> sent = KIT.createTestProbe(MigrationEvent.class);
    TestProbe<MigrationEvent> received = KIT.createTestProbe(MigrationEvent.class);
    String url =
        destination
            .receive(
                new ReceiveOptions("tcp:127.0.0.1:0", mode, true, true, null, false, null),
                received)
            .url();
    source.send("chat", options(url, mode), sent);

    MigrationEvent arrival = TestHost.ending(received);
    assertInstanceOf(MigrationEvent.Finished.class, arrival, arrival::toString);
    awaitOutput(destination, 200);
    GuestSource.Kernel bare = new GuestSource.Kernel(Path.of("chat"), null, "talk");
    assertEquals(bare, destination.describe("chat").spec().guest());
    String rest = destination.console("chat");
    int begun = LINES.length() * 2 - indexOfTail(rest);
    assertTrue(LINES.repeat(rest.length()).startsWith(rest, begun % LINES.length()), rest);
    destination.delete("chat");
  }

  /** Characters of the output before the first whole pair of lines. */
  private static int indexOfTail(String text) {
    int at = text.indexOf(LINES);
    assertTrue(at >= 0 && at < LINES.length(), text);
    return at;
  }

  private static void awaitOutput(TestHost host, int characters) {
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (host.console("chat").length() < characters) {
      assertTrue(System.nanoTime() < deadline, () -> host.console("chat"));
      KIT.createTestProbe().expectNoMessage(Duration.ofMillis(20));
    }
  }

  private static SendOptions options(String url, MemoryMode mode) {
    return SendOptions.to(url, mode)
        .timeout(Duration.ofSeconds(30), TimeoutStrategy.IGNORE)
        .verify(true)
        .build();
  }
}
