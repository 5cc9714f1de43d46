package io.vmferry.streams.snapshot;

import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.pages.PageRun;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.apache.pekko.util.ByteString;

/** A snapshot that notes what is read of its memory, in order. */
final class Loads implements SnapshotReader {
  final List<PageRun> all = Collections.synchronizedList(new ArrayList<>());
  private final SnapshotReader snapshot;
  // Asked before each read.
  volatile Disk disk = () -> {};

  /** What may fail. */
  interface Disk {
    void read() throws IOException;
  }

  Loads(SnapshotReader snapshot) {
    this.snapshot = snapshot;
  }

  @Override
  public VmMigrationConfig config() {
    return snapshot.config();
  }

  @Override
  public ByteString state() {
    return snapshot.state();
  }

  @Override
  public MemorySource memory(GuestRamMapping slot) {
    MemorySource source = snapshot.memory(slot);
    return new MemorySource() {
      @Override
      public long sizeBytes() {
        return source.sizeBytes();
      }

      @Override
      public long nextData(long offset) throws IOException {
        return source.nextData(offset);
      }

      @Override
      public long nextHole(long offset) throws IOException {
        return source.nextHole(offset);
      }

      @Override
      public void readAt(long offset, ByteBuffer destination) throws IOException {
        all.add(new PageRun(slot.gpa() + offset, destination.remaining()));
        disk.read();
        source.readAt(offset, destination);
      }

      @Override
      public boolean isWhole() throws IOException {
        return source.isWhole();
      }
    };
  }

  @Override
  public UUID generation() {
    return snapshot.generation();
  }

  @Override
  public WorkingSetFile workingSet() {
    return Objects.requireNonNull(snapshot.workingSet());
  }

  @Override
  public void close() {
    snapshot.close();
  }
}
