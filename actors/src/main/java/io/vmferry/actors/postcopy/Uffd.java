package io.vmferry.actors.postcopy;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.sandbox.Outside;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.transfer.ArrivingPages;
import io.vmferry.streams.transfer.MissingPages;
import io.vmferry.streams.transfer.PostcopyFill;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Extensions;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.jspecify.annotations.Nullable;

/**
 * The destination's page faults: registers userfaultfd on every region, forwards each fault to the
 * source as a page request, and has the rest fetched or pushed until the guest is whole.
 *
 * <p>Owns the descriptor, the thread that reads it and those that receive pages; neither pages nor
 * faults pass a mailbox. A fill that breaks leaves the descriptor open until this actor is stopped:
 * closing it would let the guest read zeros where pages are missing. New connections fill on, after
 * {@link Suspend}.
 */
public final class Uffd {
  /** What it is told. */
  public sealed interface Command {}

  /** One more fault connection, behind its role header. */
  public record AddFaults(Connection connection) implements Command {}

  /** A push connection, behind its role header. */
  public record AddPush(Connection connection) implements Command {}

  /**
   * Ends what fills now, broken or not; new connections fill what is missing then.
   *
   * @param present completed with the pages that are here, once nobody brings any more
   */
  public record Suspend(CompletableFuture<PresentBitmap> present) implements Command {}

  /**
   * The guest is this side's: from now on a source that pushes nothing for as long as it may be
   * silent is not waited for.
   */
  public record ExpectPages() implements Command {}

  private record Look() implements Command {}

  record Finished(int fill, @Nullable Throwable failure) implements Command {}

  /** What its owner hears: Registered, then Broken for each fill that broke, then Filled. */
  public sealed interface Event {}

  /** Every region is watched: the guest may run. */
  public record Registered() implements Event {}

  /**
   * Every page is there, and nothing of this actor is needed any more.
   *
   * @param acknowledged whether the source knows
   */
  public record Filled(FillReport report, boolean acknowledged) implements Event {}

  /** No more pages come from these connections. A guest waits at the next missing page. */
  public record Broken(Throwable cause) implements Event {}

  // Of the silence that is allowed, between two looks.
  private static final int LOOKS = 4;
  private static final Set<io.vmferry.kvm.uffd.Uffd.Mode> MODES =
      Set.of(io.vmferry.kvm.uffd.Uffd.Mode.MISSING, io.vmferry.kvm.uffd.Uffd.Mode.MINOR);

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final io.vmferry.kvm.uffd.Uffd uffd;
  private final GuestMemory memory;
  private final ArrivingPages arriving;
  private final Extensions agreed;
  private final Duration silence;
  private final String name;
  private final Sandbox sandbox;
  private final FaultReader reader;
  private final Arrivals arrivals;
  private final ActorRef<Event> owner;
  private volatile PostcopyFill fill;
  private int fills;

  private Uffd(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      MissingPages missing,
      Extensions agreed,
      Duration silence,
      FillProgress progress,
      boolean digesting,
      ActorRef<Event> owner)
      throws IOException {
    this.context = context;
    this.timers = timers;
    this.memory = missing.memory();
    this.agreed = agreed;
    this.silence = silence;
    this.owner = owner;
    long pageBytes = memory.pageSize().bytes();
    this.arrivals = new Arrivals(progress, pageBytes, digesting);
    this.name = context.getSelf().path().parent().name();
    this.sandbox = Sandbox.of(context.getSystem());
    progress.startWith(missing.presentBytes());
    this.uffd = watch(memory);
    try {
      this.arriving = new ArrivingPages(memory, uffd, missing.present(), arrivals);
      this.fill = nextFill();
      this.reader =
          new FaultReader(
              uffd,
              memory,
              sandbox,
              "uffd-" + name,
              (address, sinceNanos) -> fill.onFault(address, sinceNanos),
              failure -> tell(new Finished(fills, failure)));
    } catch (IOException | RuntimeException e) {
      uffd.close();
      throw e;
    }
  }

  private PostcopyFill nextFill() {
    int number = ++fills;
    PostcopyFill next = new PostcopyFill(memory, arriving, agreed, silence, name, sandbox);
    next.finished().whenComplete((done, failure) -> tell(new Finished(number, failure)));
    return next;
  }

  /** From the threads that read faults and pages. */
  private void tell(Finished finished) {
    ActorRef<Command> self = context.getSelf();
    Outside.run(() -> self.tell(finished));
  }

  /**
   * Starts at once.
   *
   * @param missing of memory that nobody touches
   * @param source the fault connection, behind its role header; closed when this actor ends
   * @param agreed the migration's extensions
   * @param silence a source that owes pages for as long is taken for dead; zero for never
   * @param progress moved on with every page
   * @param digesting whether to add up the digests of the pages as they come
   * @param owner hears the events
   */
  public static Behavior<Command> create(
      MissingPages missing,
      Connection source,
      Extensions agreed,
      Duration silence,
      FillProgress progress,
      boolean digesting,
      ActorRef<Event> owner) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  try {
                    missing.unmap();
                    return new Uffd(
                            context, timers, missing, agreed, silence, progress, digesting, owner)
                        .fill(source);
                  } catch (IOException | IllegalStateException e) {
                    // The latter of a guest that was thrown away meanwhile.
                    source.close();
                    owner.tell(new Broken(e));
                    return Behaviors.stopped();
                  }
                }));
  }

  /**
   * A userfaultfd that watches all of a guest's memory, as {@link ArrivingPages} needs it.
   *
   * @throws IOException if the kernel refuses
   */
  static io.vmferry.kvm.uffd.Uffd watch(GuestMemory memory) throws IOException {
    io.vmferry.kvm.uffd.Uffd uffd = io.vmferry.kvm.uffd.Uffd.open();
    try {
      for (GuestRegion region : memory.regions()) {
        uffd.register(region.mapping().hva(), region.sizeBytes(), MODES);
      }
      return uffd;
    } catch (IOException | RuntimeException e) {
      uffd.close();
      throw e;
    }
  }

  private Behavior<Command> fill(Connection source) {
    fill.addFaults(source);
    reader.start();
    owner.tell(new Registered());
    return Behaviors.receive(Command.class)
        .onMessage(AddFaults.class, this::onAddFaults)
        .onMessage(AddPush.class, this::onAddPush)
        .onMessage(Suspend.class, this::onSuspend)
        .onMessage(ExpectPages.class, m -> onExpectPages())
        .onMessage(Look.class, m -> onLook())
        .onMessage(Finished.class, this::onFinished)
        .onSignal(PostStop.class, s -> release())
        .build();
  }

  private Behavior<Command> onAddFaults(AddFaults add) {
    fill.addFaults(add.connection());
    return Behaviors.same();
  }

  private Behavior<Command> onAddPush(AddPush add) {
    fill.addPush(add.connection());
    return Behaviors.same();
  }

  private Behavior<Command> onSuspend(Suspend suspend) {
    fill.giveBack();
    fill = nextFill();
    suspend.present().complete(arriving.present());
    return arriving.isComplete() ? filled(true) : Behaviors.same();
  }

  private Behavior<Command> onExpectPages() {
    if (!silence.isZero()) {
      timers.startTimerWithFixedDelay(new Look(), silence.dividedBy(LOOKS));
    }
    return Behaviors.same();
  }

  private Behavior<Command> onLook() {
    fill.checkForPush();
    return Behaviors.same();
  }

  private Behavior<Command> onFinished(Finished finished) {
    if (finished.fill() != fills) {
      return Behaviors.same();
    }
    Throwable failure = finished.failure();
    if (failure == null) {
      return filled(fill.isAcknowledged());
    }
    context.getLog().error("No more pages come", failure);
    fill.close();
    owner.tell(new Broken(failure));
    return Behaviors.same();
  }

  private Behavior<Command> filled(boolean acknowledged) {
    FillReport report = arrivals.report();
    context.getLog().info("Every page is here: {}", report);
    owner.tell(new Filled(report, acknowledged));
    return Behaviors.stopped();
  }

  private Behavior<Command> release() {
    fill.close();
    try {
      reader.close();
      // Nobody touches the second mapping any more.
      arriving.close();
    } catch (IOException e) {
      context.getLog().warn("userfaultfd could not be taken down cleanly", e);
    }
    // Ends the registrations too. By address they must not be: a guest that was thrown away takes
    // its memory with it, maybe before this, and another guest's may be there now.
    uffd.close();
    return Behaviors.same();
  }
}
