package io.vmferry.actors.postcopy;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transfer.FaultConnection;
import io.vmferry.streams.transfer.UffdArrival;
import io.vmferry.streams.transport.Connection;
import java.io.IOException;
import java.util.EnumSet;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The destination's page faults: registers userfaultfd on every region, forwards each fault to the
 * source as a page request, and fetches the rest in the background until the guest is whole.
 *
 * <p>Owns the descriptor, the thread that reads it and the one that receives pages; neither pages
 * nor faults pass a mailbox. States: filling, then either ended or broken. A broken one keeps the
 * descriptor open until it is stopped: closing it would let the guest read zeros where pages are
 * missing.
 */
public final class Uffd {
  /** What it is told. */
  public sealed interface Command {}

  record Finished(@org.jspecify.annotations.Nullable Throwable failure) implements Command {}

  /** What its owner hears: Registered, then Filled or Broken; or Broken alone. */
  public sealed interface Event {}

  /** Every region is watched: the guest may run. */
  public record Registered() implements Event {}

  /** Every page is there, and nothing of this actor is needed any more. */
  public record Filled(FillReport report) implements Event {}

  /** No more pages come. A guest that runs waits at the next missing page. */
  public record Broken(Throwable cause) implements Event {}

  private final ActorContext<Command> context;
  private final io.vmferry.kvm.uffd.Uffd uffd;
  private final GuestMemory memory;
  private final FaultConnection connection;
  private final FaultReader reader;
  private final Arrivals arrivals;
  private final ActorRef<Event> owner;

  private Uffd(
      ActorContext<Command> context,
      io.vmferry.kvm.uffd.Uffd uffd,
      GuestMemory memory,
      Connection source,
      FillProgress progress,
      boolean digesting,
      ActorRef<Event> owner)
      throws IOException {
    this.context = context;
    this.uffd = uffd;
    this.memory = memory;
    this.owner = owner;
    this.arrivals = new Arrivals(new UffdArrival(memory, uffd), progress, digesting);
    GuestPages pages = GuestPages.of(memory);
    PresentBitmap present = new PresentBitmap(pages.count());
    this.connection =
        new FaultConnection(
            source, pages, present, arrivals, FaultConnection.defaultWindow(pages.pageBytes()));
    long pageMask = -pages.pageBytes();
    ActorRef<Command> self = context.getSelf();
    this.reader =
        new FaultReader(
            uffd,
            memory,
            "uffd-" + context.getSelf().path().parent().name(),
            address -> onFault(new Gpa(address.value() & pageMask)),
            failure -> self.tell(new Finished(failure)));
  }

  /**
   * Starts at once.
   *
   * @param memory regions of which no page has been touched
   * @param source the fault connection, behind its role header; closed when this actor ends
   * @param progress moved on with every page
   * @param digesting whether to add up the digests of the pages as they come
   * @param owner hears the events
   */
  public static Behavior<Command> create(
      GuestMemory memory,
      Connection source,
      FillProgress progress,
      boolean digesting,
      ActorRef<Event> owner) {
    return Behaviors.setup(
        context -> {
          io.vmferry.kvm.uffd.Uffd uffd = null;
          try {
            uffd = io.vmferry.kvm.uffd.Uffd.open();
            for (GuestRegion region : memory.regions()) {
              uffd.register(region.mapping().hva(), region.sizeBytes(), modes());
            }
            return new Uffd(context, uffd, memory, source, progress, digesting, owner).fill();
          } catch (IOException e) {
            if (uffd != null) {
              uffd.close();
            }
            source.close();
            owner.tell(new Broken(e));
            return Behaviors.stopped();
          }
        });
  }

  private static Set<io.vmferry.kvm.uffd.Uffd.Mode> modes() {
    return EnumSet.of(io.vmferry.kvm.uffd.Uffd.Mode.MISSING);
  }

  private Behavior<Command> fill() throws IOException {
    reader.start();
    ActorRef<Command> self = context.getSelf();
    connection
        .start("pages-" + context.getSelf().path().parent().name(), true)
        .whenComplete((done, failure) -> self.tell(new Finished(failure)));
    owner.tell(new Registered());
    return Behaviors.receive(Command.class)
        .onMessage(Finished.class, this::onFinished)
        .onSignal(PostStop.class, s -> release())
        .build();
  }

  private void onFault(Gpa page) {
    arrivals.waiting(page);
    connection.demand(page);
  }

  private Behavior<Command> onFinished(Finished finished) {
    Throwable failure = finished.failure();
    if (failure == null) {
      owner.tell(new Filled(arrivals.report()));
      return Behaviors.stopped();
    }
    context.getLog().error("No more pages come", failure);
    connection.close();
    owner.tell(new Broken(failure));
    return Behaviors.receive(Command.class)
        .onMessage(Finished.class, m -> Behaviors.same())
        .onSignal(PostStop.class, s -> release())
        .build();
  }

  private Behavior<Command> release() {
    connection.close();
    try {
      reader.close();
      for (GuestRegion region : memory.regions()) {
        uffd.unregister(region.mapping().hva(), region.sizeBytes());
      }
    } catch (IOException e) {
      context.getLog().warn("userfaultfd could not be taken down cleanly", e);
    }
    uffd.close();
    return Behaviors.same();
  }
}
