package io.vmferry.actors;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.vmferry.actors.guest.MemoryFill;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.ownership.OwnershipLedger;
import io.vmferry.actors.snapshot.SnapshotProgress;
import io.vmferry.actors.snapshot.SnapshotReceiver;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.VmInfo;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.snapshot.DirectoryWriter;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.stream.Materializer;

/** A {@link VmHost} of a test, asked in blocking style. */
final class TestHost {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final ActorTestKit kit;
  private final OwnershipLedger ledger;
  private final ActorRef<VmHost.Command> host;

  TestHost(ActorTestKit kit) {
    this(kit, OwnershipLedger.forgetful());
  }

  TestHost(ActorTestKit kit, OwnershipLedger ledger) {
    this.kit = kit;
    this.ledger = ledger;
    this.host = kit.spawn(VmHost.create(ledger));
  }

  /** What a receiving session may do on this host. */
  HostGate gate(KvmAccess kvm) {
    return new HostGate(host, kvm, ledger);
  }

  void tell(VmHost.Command command) {
    host.tell(command);
  }

  <T extends VmHost.Reply> T ask(
      Class<T> type, Function<ActorRef<VmHost.Reply>, VmHost.Command> question) {
    TestProbe<VmHost.Reply> probe = kit.createTestProbe(VmHost.Reply.class);
    host.tell(question.apply(probe.getRef()));
    VmHost.Reply reply = probe.receiveMessage(PATIENCE);
    if (!type.isInstance(reply)) {
      throw new AssertionError("expected " + type.getSimpleName() + ", got " + reply);
    }
    return type.cast(reply);
  }

  VmInfo create(VmSpec spec) {
    return ask(VmHost.Described.class, to -> new VmHost.CreateVm(spec, to)).vm();
  }

  VmInfo change(String name, VmHost.Change change) {
    return ask(VmHost.Described.class, to -> new VmHost.ChangeVm(name, change, to)).vm();
  }

  void delete(String name) {
    ask(VmHost.Done.class, to -> new VmHost.ChangeVm(name, VmHost.Change.DELETE, to));
  }

  VmInfo describe(String name) {
    return ask(VmHost.Described.class, to -> new VmHost.DescribeVm(name, to)).vm();
  }

  /** Starts to receive; the probe hears the session's events. */
  VmHost.MigrationStarted receive(ReceiveOptions options, TestProbe<MigrationEvent> events) {
    return ask(
        VmHost.MigrationStarted.class, to -> new VmHost.ReceiveVm(options, events.getRef(), to));
  }

  /** Starts to send; the probe hears the session's events. */
  VmHost.MigrationStarted send(String name, SendOptions options, TestProbe<MigrationEvent> events) {
    return send(name, options, events.getRef());
  }

  VmHost.MigrationStarted send(String name, SendOptions options, ActorRef<MigrationEvent> events) {
    return ask(VmHost.MigrationStarted.class, to -> new VmHost.SendVm(name, options, events, to));
  }

  /** Waits until the standard guest has reported so many more sweeps on every vCPU. */
  VmInfo awaitSweeps(String name, long more) {
    long wanted = describe(name).guest().sweeps() + more;
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    VmInfo info = describe(name);
    while (info.guest().sweeps() < wanted) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("the guest made no progress: " + info + "\n" + console(name));
      }
      kit.createTestProbe().expectNoMessage(Duration.ofMillis(50));
      info = describe(name);
    }
    return info;
  }

  /**
   * Boots a guest of 8 MiB that is idle, and takes a snapshot of it.
   *
   * @param directory gets it, and the socket that it comes over
   * @return where it is
   */
  Path snapshotOfNew(String name, Path directory) throws Exception {
    create(new VmSpec(name, 1, 8 << 20, PageSize.KIB_4, new GuestSource.Idle(MemoryFill.RANDOM)));
    change(name, VmHost.Change.BOOT);
    Path kept = directory.resolve("snapshot");
    Path socket = directory.resolve("out");
    try (SnapshotReceiver receiver =
        new SnapshotReceiver(DirectoryWriter.begin(kept), SnapshotProgress.NONE)) {
      CompletableFuture<Void> taken =
          receiver
              .receive(
                  Listener.bind(new MigrationUrl.Unix(socket)),
                  Materializer.matFromSystem(kit.system()))
              .toCompletableFuture();
      TestProbe<MigrationEvent> departure = kit.createTestProbe(MigrationEvent.class);
      send(name, SendOptions.to("unix:" + socket, MemoryMode.LOCAL).build(), departure);
      taken.get(60, TimeUnit.SECONDS);
      assertInstanceOf(MigrationEvent.Finished.class, ending(departure));
    }
    return kept;
  }

  String console(String name) {
    return ask(VmHost.ConsoleText.class, to -> new VmHost.ReadConsole(name, to)).text();
  }

  /** The ending of a session. */
  static MigrationEvent ending(TestProbe<MigrationEvent> events) {
    MigrationEvent event = events.receiveMessage(PATIENCE);
    while (event instanceof MigrationEvent.Progressed) {
      event = events.receiveMessage(PATIENCE);
    }
    return event;
  }
}
