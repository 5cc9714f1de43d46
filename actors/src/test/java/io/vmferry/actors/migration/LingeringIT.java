package io.vmferry.actors.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.BoundUrl;
import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.machine.MachineState;
import io.vmferry.actors.ownership.OwnershipLedger;
import io.vmferry.actors.vm.GuestIdentity;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.MachineConfig;
import io.vmferry.actors.vm.Vm;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.KvmSystem;
import io.vmferry.kvm.VcpuKick;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.GuestOwner;
import io.vmferry.streams.wire.MigrationKey;
import io.vmferry.streams.wire.PeerRefusedException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A destination that only waits to be asked what became of the guest. */
@RequiresKvm
@Timeout(60)
class LingeringIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final long BYTES = 16L << 20;

  private KvmSystem system;

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @AfterEach
  void close() {
    system.close();
  }

  @BeforeEach
  void open() throws IOException {
    VcpuKick.install();
    system = KvmSystem.open();
  }

  @Test
  void keepsNothingOfAGuestThatItRefused() throws Exception {
    long before = mappedFiles();
    TestProbe<MigrationEvent> arrival = KIT.createTestProbe(MigrationEvent.class);
    BoundUrl url = new BoundUrl();
    ActorRef<MigrationDestination.Command> destination =
        KIT.spawn(
            MigrationDestination.create("m-1", options(), new OpenGate(), arrival.ref(), url));
    MigrationKey key = MigrationKey.random();
    try (SourceChannel source =
        new SourceChannel(MigrationUrl.parse(url.await()), null, PATIENCE, PATIENCE)) {
      source.start(Extensions.known());
      source.identify(key);
      source.config(config());
      assertTrue(mappedFiles() > before, "the guest has no memory here");

      assertThrows(PeerRefusedException.class, () -> source.state(json("{}")));

      awaitMappedFiles(before);
      source.resume(key);
      assertEquals(GuestOwner.SOURCE, source.owner());
      try (GuestMemory like = GuestMemory.allocate(BYTES, PageSize.KIB_4)) {
        assertThrows(IOException.class, () -> source.missing(like));
      }
    }
    KIT.stop(destination);
  }

  private static ReceiveOptions options() {
    return new ReceiveOptions(
        "tcp:127.0.0.1:0", MemoryMode.PRECOPY, false, true, null, false, null);
  }

  /** Of a guest like those that this host makes. */
  private ByteBuffer config() throws IOException {
    VmSpec spec = new VmSpec("guest", 1, BYTES, PageSize.KIB_4, GuestSource.Idle.empty());
    GuestMemory memory = GuestMemory.allocate(BYTES, PageSize.KIB_4);
    try (Machine machine = Machine.create(system, spec.name(), memory, system.supportedCpuid())) {
      return MachineConfig.json(spec, machine, null).asByteBuffer();
    }
  }

  private static ByteBuffer json(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  private static void awaitMappedFiles(long expected) throws IOException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (mappedFiles() != expected && System.nanoTime() < deadline) {
      KIT.createTestProbe().expectNoMessage(Duration.ofMillis(20));
    }
    assertEquals(expected, mappedFiles());
  }

  /** Mappings of files without a name, which guest memory is in. */
  private static long mappedFiles() throws IOException {
    try (Stream<String> mappings = Files.lines(Path.of("/proc/self/maps"))) {
      return mappings.filter(line -> line.endsWith("(deleted)")).count();
    }
  }

  /** A host with room for anything, which no guest comes to. */
  private final class OpenGate implements ArrivalGate {
    private final OwnershipLedger ledger = OwnershipLedger.forgetful();

    @Override
    public void reserve(
        String vmName, GuestIdentity identity, String migrationId, ActorRef<Boolean> replyTo) {
      replyTo.tell(true);
    }

    @Override
    public OwnershipLedger ledger() {
      return ledger;
    }

    @Override
    public KvmSystem hypervisor() {
      return system;
    }

    @Override
    public void admit(
        VmSpec spec,
        Machine machine,
        String migrationId,
        MachineState state,
        ActorRef<Vm.SessionReply> session) {
      throw new AssertionError("a guest whose state was refused");
    }
  }
}
