package io.vmferry.actors.snapshot;

import io.vmferry.actors.migration.SourceChannel;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.streams.pages.SnapshotRuns;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.snapshot.SlotMemory;
import io.vmferry.streams.snapshot.SnapshotMemory;
import io.vmferry.streams.snapshot.SnapshotPages;
import io.vmferry.streams.snapshot.SnapshotReader;
import io.vmferry.streams.snapshot.Workers;
import io.vmferry.streams.transfer.FaultServing;
import io.vmferry.streams.transfer.PrecopyRound;
import io.vmferry.streams.transfer.PrecopySender;
import io.vmferry.streams.transfer.Throttle;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Future;
import org.apache.pekko.stream.KillSwitches;
import org.apache.pekko.stream.Materializer;
import org.jspecify.annotations.Nullable;

/**
 * Restores one snapshot on another host: the source of a migration over TCP, whose guest is kept
 * somewhere. Memory is sent in one round of precopy; or the destination asks for it, and pages are
 * read when it does.
 *
 * <p>Blocking, one thread; {@link #close} may come from any thread and ends a call under way.
 * Source: docs/protocol.md#precopy and #postcopy, version 0.
 */
public final class RemoteSnapshotSender implements AutoCloseable {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
  // A VMM that is sent a large guest makes its memory and devices before it answers.
  private static final Duration ANSWER_TIMEOUT = Duration.ofMinutes(2);

  private final SnapshotReader snapshot;
  private final SourceChannel channel;
  private final boolean resume;
  private final SnapshotProgress progress;
  private final Sandbox sandbox;

  /**
   * A sender of one snapshot.
   *
   * @param url where the destination listens
   * @param tlsDirectory this host's TLS files as a client; null for no TLS
   * @param resume whether the guest shall run there at once
   * @param sandbox fences in who serves page faults
   */
  public RemoteSnapshotSender(
      SnapshotReader snapshot,
      MigrationUrl.Tcp url,
      @Nullable Path tlsDirectory,
      boolean resume,
      SnapshotProgress progress,
      Sandbox sandbox) {
    this.snapshot = snapshot;
    this.channel = new SourceChannel(url, tlsDirectory, CONNECT_TIMEOUT, ANSWER_TIMEOUT);
    this.resume = resume;
    this.progress = progress;
    this.sandbox = sandbox;
  }

  /**
   * Sends all memory, then hands the guest over. Takes as much memory here as the snapshot has
   * data.
   *
   * @param connections that carry memory, 1 to 128
   * @throws IOException if the snapshot cannot be read, memory is short, or the destination refuses
   *     or vanishes
   */
  public void restore(int connections, Materializer materializer) throws IOException {
    // Connected first: a destination that is not there must not cost a load.
    start(Extensions.NONE);
    try (SnapshotMemory files = SnapshotMemory.create(snapshot, PageSize.KIB_4)) {
      files.loadAll(bytes -> {});
      GuestMemory memory = files.memory();
      PrecopyRound round = PrecopyRound.plain(new SnapshotRuns(memory));
      CompletionStage<?> sending =
          new PrecopySender(materializer)
              .sendRound(
                  round,
                  memory,
                  channel.memoryConnections(connections),
                  new Throttle(Throttle.UNLIMITED),
                  KillSwitches.shared("restore"),
                  (memoryBytes, wireBytes) -> progress.done(memoryBytes));
      Object unused = Workers.result(sending.toCompletableFuture(), "the restore");
      handOver();
    }
  }

  /**
   * Hands the guest over without its memory, and serves that until the destination has all of it.
   *
   * @throws IOException as {@link #restore}; also if the destination closes before it has every
   *     page, or a page cannot be read. The guest may be running there then, and waits at the next
   *     page it lacks
   */
  public void restoreOnDemand() throws IOException {
    start(Extensions.of(Extension.NAMED_ANSWERS));
    try (GuestMemory addresses = SlotMemory.create(snapshot.config(), PageSize.KIB_4)) {
      Connection faults = channel.faultConnections(1).get(0);
      FaultServing serving =
          FaultServing.ofBytes(
              faults,
              addresses,
              FaultServing.servedPages(addresses),
              channel.agreed(),
              new SnapshotPages(snapshot, addresses),
              progress::done);
      // Before State: the destination may ask for pages to restore it.
      Future<Boolean> served =
          Workers.start(sandbox, SandboxRole.SERVES_PAGES, "serve-faults", serving::run);
      try {
        handOver();
        Boolean unused = Workers.result(served, "the restore");
      } finally {
        faults.close();
        Workers.awaitEnd(served); // it reads the memory
      }
    }
  }

  private void start(Extensions offered) throws IOException {
    channel.start(offered);
    progress.begins(snapshot.config().memoryBytes());
    channel.config(snapshot.config().raw().asByteBuffer());
  }

  private void handOver() throws IOException {
    channel.state(snapshot.state().asByteBuffer());
    channel.complete(!resume);
  }

  /** Ends a call under way and closes every connection. */
  @Override
  public void close() {
    channel.close();
  }
}
