package io.vmferry.daemon.offload;

import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.snapshot.MemorySource;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.SnapshotWriter;
import java.io.IOException;
import java.util.function.LongConsumer;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;

/** A snapshot that gets its place when its guest's configuration has come. */
final class ArrivingSnapshot implements SnapshotWriter {
  /** Chooses the place. */
  @FunctionalInterface
  interface Begin {
    /** Begins a snapshot of that guest; closed by the {@link ArrivingSnapshot}. */
    SnapshotPlace.Opened<SnapshotWriter> of(VmMigrationConfig guest) throws IOException;
  }

  private final Begin begin;
  private SnapshotPlace.@Nullable Opened<SnapshotWriter> opened;
  private boolean closed;

  ArrivingSnapshot(Begin begin) {
    this.begin = begin;
  }

  @Override
  public void config(ByteString json) throws IOException {
    open(VmMigrationConfig.parse(json)).config(json);
  }

  private synchronized SnapshotWriter open(VmMigrationConfig guest) throws IOException {
    if (closed) {
      throw new SnapshotException("The snapshot was given up.");
    }
    opened = begin.of(guest);
    return opened.snapshot();
  }

  @Override
  public void state(ByteString json) throws IOException {
    writer().state(json);
  }

  @Override
  public void memory(GuestRamMapping slot, MemorySource source, LongConsumer progress)
      throws IOException {
    writer().memory(slot, source, progress);
  }

  @Override
  public long storedBytes() {
    return writer().storedBytes();
  }

  @Override
  public void commit() throws IOException {
    writer().commit();
  }

  private synchronized SnapshotWriter writer() {
    if (opened == null) {
      throw new IllegalStateException("no configuration has come");
    }
    return opened.snapshot();
  }

  @Override
  public synchronized void close() {
    if (!closed && opened != null) {
      SnapshotPlace.close(opened);
    }
    closed = true;
  }
}
