package io.vmferry.actors;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.machine.MachineState;
import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationDestination;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.snapshot.SnapshotProgress;
import io.vmferry.actors.snapshot.SnapshotSender;
import io.vmferry.actors.vm.Vm;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.sandbox.SeccompMode;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.snapshot.DirectoryReader;
import io.vmferry.streams.snapshot.MemorySource;
import io.vmferry.streams.snapshot.SnapshotReader;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Pages that cease to come while the guest is told to run: after Complete came, before its answer.
 */
@RequiresKvm
@RequiresUffd
@Timeout(120)
class BrokenHandoverIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final KvmAccess KVM = new KvmAccess();
  private static final String GUEST = "kept";

  @TempDir private Path directory;

  private final TestHost source = new TestHost(KIT);
  private final TestHost destination = new TestHost(KIT);
  private final TestProbe<MigrationEvent> arrival = KIT.createTestProbe(MigrationEvent.class);
  // Completes when the guest is told to run, which then waits until it is let.
  private final CompletableFuture<Void> toldToRun = new CompletableFuture<>();
  // What ended, in the order in which the session told it.
  private final List<Object> endings = new CopyOnWriteArrayList<>();
  private final ActorRef<Object> listener = KIT.spawn(Behaviors.setup(Listener::new));

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
    KVM.close();
  }

  @Test
  void aGuestWhoseMemoryEndsMeanwhileIsIncompleteAndCanBeDeleted() throws Exception {
    Path kept = source.snapshotOfNew(GUEST, directory);
    BoundUrl url = new BoundUrl();
    ReceiveOptions options =
        new ReceiveOptions(
            "unix:" + directory.resolve("in"), MemoryMode.POSTCOPY, false, true, null, false, null);
    KIT.spawn(
        MigrationDestination.create("m-1", options, new HoldingGate(), listener.narrow(), url));

    try (DirectoryReader reader = DirectoryReader.open(kept);
        SnapshotSender daemon =
            new SnapshotSender(
                unreadable(reader),
                MigrationUrl.parse(url.await()),
                true,
                SnapshotProgress.NONE,
                Sandbox.of(SeccompMode.ERRNO))) {
      assertThrows(IOException.class, () -> daemon.restoreOnDemand(false));
    }

    MigrationEvent.Failed failed =
        assertInstanceOf(MigrationEvent.Failed.class, TestHost.ending(arrival));
    assertEquals(GuestLocation.DESTINATION, failed.failure().guestLocation(), failed::toString);
    assertEquals(
        List.of(new Vm.SessionEnded(Vm.Outcome.INCOMPLETE), failed),
        endings,
        "who hears of the end may ask the VM at once, which must know");
    destination.delete(GUEST);
  }

  /** A snapshot whose memory cannot be read, which shows once the guest is told to run. */
  private SnapshotReader unreadable(SnapshotReader snapshot) {
    return proxy(
        SnapshotReader.class,
        snapshot,
        (method, result) ->
            method.getName().equals("memory")
                ? proxy(MemorySource.class, (MemorySource) result, this::failRead)
                : result);
  }

  private @Nullable Object failRead(Method method, @Nullable Object result) throws IOException {
    if (method.getName().equals("readAt")) {
      toldToRun.join();
      throw new IOException("the disk is gone");
    }
    return result;
  }

  /** Changes what a method gives. */
  private interface Change {
    @Nullable Object of(Method method, @Nullable Object result) throws IOException;
  }

  private static <T> T proxy(Class<T> type, T target, Change change) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (self, method, arguments) -> {
              try {
                return change.of(method, method.invoke(target, arguments));
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            }));
  }

  /** Puts the listener between a session and its VM. */
  private final class HoldingGate extends PassingGate {
    HoldingGate() {
      super(destination.gate(KVM));
    }

    @Override
    public void admit(
        VmSpec spec,
        Machine machine,
        String migrationId,
        MachineState state,
        ActorRef<Vm.SessionReply> session) {
      ActorRef<Vm.SessionReply> between =
          KIT.spawn(
              Behaviors.receiveMessage(
                  reply -> {
                    if (reply instanceof Vm.Arriving) {
                      listener.tell(reply);
                      session.tell(new Vm.Arriving(listener.narrow()));
                    } else {
                      session.tell(reply);
                    }
                    return Behaviors.same();
                  }));
      super.admit(spec, machine, migrationId, state, between);
    }
  }

  /**
   * Hears what the session tells its VM and its follower, in that order, and passes it on: the wish
   * to run a while later.
   */
  private final class Listener extends AbstractBehavior<Object> {
    private static final Duration HELD = Duration.ofSeconds(2);
    private @Nullable ActorRef<Vm.Command> vm;

    Listener(ActorContext<Object> context) {
      super(context);
    }

    @Override
    public Receive<Object> createReceive() {
      return newReceiveBuilder()
          .onMessage(Vm.Arriving.class, this::onArriving)
          .onMessage(Vm.RunArrived.class, this::onRunArrived)
          .onMessage(Vm.Command.class, this::onCommand)
          .onMessage(MigrationEvent.class, this::onEvent)
          .build();
    }

    private Behavior<Object> onArriving(Vm.Arriving arriving) {
      vm = arriving.vm();
      return this;
    }

    private Behavior<Object> onRunArrived(Vm.RunArrived command) {
      toldToRun.complete(null);
      getContext().scheduleOnce(HELD, requireNonNull(vm), command);
      return this;
    }

    private Behavior<Object> onCommand(Vm.Command command) {
      if (command instanceof Vm.SessionEnded) {
        endings.add(command);
      }
      requireNonNull(vm).tell(command);
      return this;
    }

    private Behavior<Object> onEvent(MigrationEvent event) {
      if (event instanceof MigrationEvent.Failed) {
        endings.add(event);
      }
      arrival.ref().tell(event);
      return this;
    }
  }
}
