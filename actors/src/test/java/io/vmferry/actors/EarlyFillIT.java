package io.vmferry.actors;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.vmferry.actors.guest.MemoryFill;
import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.machine.MachineState;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationDestination;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.Vm;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A destination whose pages are all here before its guest is one of the host's. */
@RequiresKvm
@RequiresUffd
@Timeout(60)
class EarlyFillIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final KvmAccess KVM = new KvmAccess();
  private static final String GUEST = "early";

  private final TestHost source = new TestHost(KIT);
  private final TestHost destination = new TestHost(KIT);

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
    KVM.close();
  }

  @Test
  void aFillThatEndsBeforeTheGuestIsAdmittedIsNotForgotten() throws Exception {
    source.create(
        new VmSpec(GUEST, 1, 8 << 20, PageSize.KIB_4, new GuestSource.Idle(MemoryFill.RANDOM)));
    source.change(GUEST, VmHost.Change.BOOT);
    TestProbe<MigrationEvent> arrival = KIT.createTestProbe(MigrationEvent.class);
    TestProbe<MigrationEvent> departure = KIT.createTestProbe(MigrationEvent.class);
    BoundUrl url = new BoundUrl();
    // Of the base protocol, in which the destination fetches as soon as it watches the memory.
    ReceiveOptions options =
        new ReceiveOptions("tcp:127.0.0.1:0", MemoryMode.POSTCOPY, false, false, null, false, null);
    KIT.spawn(MigrationDestination.create("m-1", options, new SlowGate(), arrival.ref(), url));

    source.send(GUEST, SendOptions.to(url.await(), MemoryMode.POSTCOPY).build(), departure);

    assertInstanceOf(MigrationEvent.Finished.class, TestHost.ending(departure));
    assertInstanceOf(MigrationEvent.Finished.class, TestHost.ending(arrival));
    destination.delete(GUEST);
  }

  /** Admits a guest once every page is here and the threads that brought them have ended. */
  private final class SlowGate extends PassingGate {
    SlowGate() {
      super(destination.gate(KVM));
    }

    @Override
    public void admit(
        VmSpec spec,
        Machine machine,
        String migrationId,
        MachineState state,
        ActorRef<Vm.SessionReply> session) {
      CompletableFuture<Void> unused =
          CompletableFuture.runAsync(SlowGate::awaitFill)
              .thenRun(() -> super.admit(spec, machine, migrationId, state, session));
    }

    private static void awaitFill() {
      Thread.getAllStackTraces().keySet().stream()
          .filter(thread -> thread.getName().startsWith("uffd-"))
          .forEach(SlowGate::join);
    }

    private static void join(Thread thread) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
