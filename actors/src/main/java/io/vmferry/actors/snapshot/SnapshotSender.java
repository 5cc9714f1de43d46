package io.vmferry.actors.snapshot;

import io.vmferry.actors.migration.SourceChannel;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.snapshot.PackedPages;
import io.vmferry.streams.snapshot.SnapshotMemory;
import io.vmferry.streams.snapshot.SnapshotReader;
import io.vmferry.streams.snapshot.Workers;
import io.vmferry.streams.snapshot.WorkingSetRecord;
import io.vmferry.streams.transfer.FaultServing;
import io.vmferry.streams.transfer.SharedPages;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.ProtocolException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Restores one snapshot: the source of a local migration, whose guest is in files. All memory is
 * copied into memory files that the destination then owns; or these are empty at first, and pages
 * are brought as the guest touches them, and in the background.
 *
 * <p>Blocking, one thread; {@link #close} may come from any thread and ends a call under way.
 * Source: docs/protocol.md#local and #on-demand-restore.
 */
public final class SnapshotSender implements AutoCloseable {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
  // A guest that starts sooner waits for the same pages one by one, and takes longer in all.
  private static final Duration WORKING_SET_PATIENCE = Duration.ofSeconds(1);
  // A VMM that is handed a large guest makes its devices before it answers.
  private static final Duration ANSWER_TIMEOUT = Duration.ofMinutes(2);

  private final SnapshotReader snapshot;
  private final SourceChannel channel;
  private final boolean resume;
  private final SnapshotProgress progress;
  private final Sandbox sandbox;

  /**
   * A sender of one snapshot.
   *
   * @param url where the destination listens, {@code unix:/path}
   * @param resume whether the guest shall run there at once
   * @param sandbox fences in who serves page faults
   */
  public SnapshotSender(
      SnapshotReader snapshot,
      MigrationUrl url,
      boolean resume,
      SnapshotProgress progress,
      Sandbox sandbox) {
    this.snapshot = snapshot;
    this.channel = new SourceChannel(url, null, CONNECT_TIMEOUT, ANSWER_TIMEOUT);
    this.resume = resume;
    this.progress = progress;
    this.sandbox = sandbox;
  }

  /**
   * Hands the whole guest over.
   *
   * @throws IOException if the snapshot cannot be read, memory is short, or the destination refuses
   *     or vanishes
   */
  public void restore() throws IOException {
    progress.begins(snapshot.config().memoryBytes());
    try (SnapshotMemory files = SnapshotMemory.create(snapshot, pageSize(snapshot.config()))) {
      // Connected first: a destination that is not there must not cost a load.
      channel.start(Extensions.NONE);
      files.loadAll(progress::done);
      describe(files);
      handOver();
    }
  }

  /**
   * Hands the guest over without its memory, and serves that until the destination has all of it.
   *
   * @param workingSet whether to load first what earlier restores demanded, and to record what this
   *     one does
   * @throws IOException as {@link #restore}; also if the destination closes before it has every
   *     page. The guest may be running there then, and waits at the next page it lacks
   */
  public void restoreOnDemand(boolean workingSet) throws IOException {
    channel.start(Extensions.of(Extension.PREFAULT, Extension.NAMED_ANSWERS));
    progress.begins(snapshot.config().memoryBytes());
    try (SnapshotMemory files = SnapshotMemory.create(snapshot, pageSize(snapshot.config()))) {
      WorkingSetRecord record = workingSet ? record(files) : null;
      List<Future<Boolean>> work = new ArrayList<>();
      try {
        // Before the destination knows anything: what is there when its guest starts is not waited
        // for.
        work.add(Workers.start("fill-memory", () -> fill(files, record)));
        describe(files);
        files.awaitFirst(WORKING_SET_PATIENCE);
        serveWhileHandingOver(files, record, work);
      } catch (IOException e) {
        throw cause(files.failure(), e);
      } finally {
        files.stop();
        // They write to memory that is about to be unmapped.
        work.forEach(Workers::awaitEnd);
        if (record != null) {
          record.keep();
        }
      }
      if (record != null) {
        record.pack(packing());
      }
    }
  }

  private static void fill(SnapshotMemory files, @Nullable WorkingSetRecord record)
      throws IOException {
    if (record == null) {
      files.fill();
    } else {
      files.fill(record);
    }
  }

  private PackedPages.Progress packing() {
    return new PackedPages.Progress() {
      @Override
      public void begins(long bytes) {
        progress.packs(bytes);
      }

      @Override
      public void done(long bytes) {
        progress.done(bytes);
      }
    };
  }

  private WorkingSetRecord record(SnapshotMemory files) {
    return WorkingSetRecord.open(
        snapshot, files.memory(), channel.agreed().has(Extension.PREFAULT), progress::warns);
  }

  private void serveWhileHandingOver(
      SnapshotMemory files, @Nullable WorkingSetRecord record, List<Future<Boolean>> work)
      throws IOException {
    Connection faults = channel.faultConnections(1).get(0);
    try {
      // Before State: the destination may ask for pages to restore it.
      Future<Boolean> serving =
          Workers.start(
              sandbox,
              SandboxRole.SERVES_PAGES,
              "serve-faults",
              () -> serve(faults, files, record));
      work.add(serving);
      handOver();
      Boolean unused = Workers.result(serving, "the restore");
    } finally {
      faults.close();
    }
  }

  /** A destination that ends because of a page that it did not get is not the reason. */
  private static IOException cause(@Nullable IOException missing, IOException end) {
    if (missing == null || missing.equals(end)) {
      return end;
    }
    missing.addSuppressed(end);
    return missing;
  }

  /** Hands over the memory's files, whatever is in them yet, and says what guest they are of. */
  private void describe(SnapshotMemory files) throws IOException {
    for (GuestRegion region : files.memory().regions()) {
      channel.memoryFd(region.slot(), region.memfd().fd());
    }
    channel.config(snapshot.config().raw().asByteBuffer());
  }

  private void serve(Connection faults, SnapshotMemory files, @Nullable WorkingSetRecord record)
      throws IOException {
    GuestMemory memory = files.memory();
    PresentBitmap served = FaultServing.servedPages(memory);
    FaultServing.ofShared(
            faults,
            memory,
            served,
            channel.agreed(),
            new SharedPages() {
              @Override
              public void demanded(MemoryRange page) {
                if (record != null) {
                  record.faulted(page);
                }
              }

              @Override
              public void bring(MemoryRange page) throws IOException {
                files.bring(page);
                progress.done(page.length());
              }
            })
        .run();
  }

  private void handOver() throws IOException {
    channel.state(snapshot.state().asByteBuffer());
    channel.complete(!resume);
  }

  /** What the configuration asks for, if it is one of a guest whose memory is described so. */
  private static PageSize pageSize(VmMigrationConfig config) {
    try {
      return config.pageSize();
    } catch (ProtocolException e) {
      return PageSize.KIB_4;
    }
  }

  /** Ends a call under way and closes every connection. */
  @Override
  public void close() {
    channel.close();
  }
}
