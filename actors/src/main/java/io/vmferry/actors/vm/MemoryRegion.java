package io.vmferry.actors.vm;

import io.vmferry.kvm.DirtyBitmapBuffer;
import io.vmferry.kvm.KvmVm;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.streams.pages.DirtyPages;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;

/**
 * One memslot: owns its dirty log. An {@code AbstractBehavior} because its state is a bitmap of one
 * bit a page, reused for every collection.
 */
final class MemoryRegion extends AbstractBehavior<MemoryRegion.Command> {
  /** What a region is told by its Vm. */
  sealed interface Command {}

  /** Starts dirty logging; answered {@link Vm.RegionLogging}. */
  record StartDirtyLog() implements Command {}

  /** Reads the dirty bitmap and clears it; answered {@link Vm.RegionDirty}. */
  record CollectDirty() implements Command {}

  /** Ends dirty logging; not answered. */
  record StopDirtyLog() implements Command {}

  private final KvmVm kvm;
  private final GuestRegion region;
  private final ActorRef<Vm.Command> vm;
  private final DirtyBitmapBuffer bitmap;

  private MemoryRegion(
      ActorContext<Command> context, KvmVm kvm, GuestRegion region, ActorRef<Vm.Command> vm) {
    super(context);
    this.kvm = kvm;
    this.region = region;
    this.vm = vm;
    this.bitmap = kvm.newDirtyBitmap(region.sizeBytes() / DirtyPages.PAGE_BYTES);
  }

  static Behavior<Command> create(KvmVm kvm, GuestRegion region, ActorRef<Vm.Command> vm) {
    return Behaviors.setup(context -> new MemoryRegion(context, kvm, region, vm));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(StartDirtyLog.class, m -> start())
        .onMessage(CollectDirty.class, m -> collect())
        .onMessage(StopDirtyLog.class, m -> stop())
        .onSignal(PostStop.class, s -> close())
        .build();
  }

  private Behavior<Command> start() {
    return answer(
        () -> {
          setLogging(true);
          vm.tell(new Vm.RegionLogging(region.slot()));
        });
  }

  private Behavior<Command> collect() {
    return answer(
        () -> {
          kvm.readDirtyLog(region.slot(), bitmap);
          // Invariant: cleared before any page is read, so that a write during the read is logged.
          kvm.clearDirtyLog(region.slot(), 0, bitmap.pages(), bitmap);
          vm.tell(
              new Vm.RegionDirty(
                  region.slot(),
                  DirtyPages.ofRegion(region.base(), bitmap.pages(), bitmap.view())));
        });
  }

  private Behavior<Command> stop() {
    return answer(() -> setLogging(false));
  }

  private void setLogging(boolean on) throws SyscallException {
    kvm.setMemslot(region.slot(), region.base(), region.sizeBytes(), region.mapping().hva(), on);
  }

  private Behavior<Command> answer(KvmStep step) {
    try {
      step.run();
    } catch (SyscallException e) {
      vm.tell(new Vm.RegionFailed(region.slot(), e));
    }
    return this;
  }

  private Behavior<Command> close() {
    bitmap.close();
    return this;
  }

  /** A step that asks KVM. */
  @FunctionalInterface
  private interface KvmStep {
    void run() throws SyscallException;
  }
}
