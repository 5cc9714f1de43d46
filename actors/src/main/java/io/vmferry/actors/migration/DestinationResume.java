package io.vmferry.actors.migration;

import io.vmferry.actors.migration.MigrationDestination.Command;
import io.vmferry.actors.migration.MigrationDestination.MissingAsked;
import io.vmferry.actors.migration.MigrationDestination.OwnerAsked;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.sandbox.Outside;
import io.vmferry.streams.transfer.ResumeServing;
import io.vmferry.streams.wire.GuestOwner;
import io.vmferry.streams.wire.MigrationKey;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.pekko.actor.typed.ActorRef;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link MigrationDestination} tells a source that lost its connections: who has the guest,
 * and which pages are here. Asked on threads of the {@link Reception}; the actor decides.
 */
final class DestinationResume implements ResumeServing.Answers {
  private final ActorRef<Command> session;
  private final Duration patience;
  private final CompletableFuture<GuestOwner> owner = new CompletableFuture<>();
  private volatile @Nullable MigrationKey key;
  private volatile @Nullable GuestPages pages;

  /**
   * @param patience how long the actor may take to decide
   */
  DestinationResume(ActorRef<Command> session, Duration patience) {
    this.session = session;
    this.patience = patience;
  }

  // The actor.

  /** The source has named its migration; false if it had before. */
  boolean identify(MigrationKey named) {
    boolean first = key == null;
    key = named;
    return first;
  }

  boolean isIdentified() {
    return key != null;
  }

  /** What the source named; null if it did not. */
  @Nullable MigrationKey key() {
    return key;
  }

  /** The guest's memory is there. */
  void expect(GuestPages expected) {
    pages = expected;
  }

  /** Who has the guest, for good; what was decided first holds. */
  void decide(GuestOwner decided) {
    owner.complete(decided);
  }

  /** The actor has ended: what was not decided never will be. */
  void close() {
    owner.completeExceptionally(new IOException("The migration's session has ended."));
  }

  // Threads of the reception.

  @Override
  public boolean knows(MigrationKey other) {
    return other.equals(key);
  }

  @Override
  public GuestOwner owner() throws IOException {
    Outside.run(() -> session.tell(new OwnerAsked()));
    return await(owner);
  }

  @Override
  public PresentBitmap present() throws IOException {
    if (!isHere()) {
      throw new IOException("The guest is not here: it has no missing pages.");
    }
    CompletableFuture<PresentBitmap> present = new CompletableFuture<>();
    Outside.run(() -> session.tell(new MissingAsked(present)));
    return await(present);
  }

  @Override
  public GuestPages pages() throws IOException {
    GuestPages known = pages;
    if (known == null) {
      throw new IOException("The guest has no memory here yet.");
    }
    return known;
  }

  private boolean isHere() {
    return owner.isDone()
        && !owner.isCompletedExceptionally()
        && owner.join() == GuestOwner.DESTINATION;
  }

  private <T> T await(CompletableFuture<T> answer) throws IOException {
    try {
      return answer.get(patience.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("Nothing is decided yet.", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while the session decided");
    }
  }
}
