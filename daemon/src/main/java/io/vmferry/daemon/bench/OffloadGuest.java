package io.vmferry.daemon.bench;

import io.vmferry.actors.guest.MemoryFill;
import io.vmferry.actors.migration.SourceChannel;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Extensions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;

/**
 * The memory of a guest that is snapshotted, in one slot, and the VMM that hands it over. No vCPU
 * runs.
 */
final class OffloadGuest implements AutoCloseable {
  /** What its memory holds. */
  enum Content {
    /** Nothing can be saved. */
    RANDOM,
    /** Half of each page is random and the other half zero. */
    HALF,
    /** A tenth of a gibibyte of random pages at most, and then one hole. */
    HOLES
  }

  private static final Duration PATIENCE = Duration.ofMinutes(5);
  private static final int BUFFER_BYTES = 1 << 20;
  private static final long HOLES_DATA_BYTES = 96L << 20;

  private final Memfd memory;

  private OffloadGuest(Memfd memory) {
    this.memory = memory;
  }

  static OffloadGuest create(long memoryBytes, Content content) throws IOException {
    Memfd memory = Memfd.create("guest", memoryBytes, PageSize.KIB_4);
    long data = content == Content.HOLES ? Math.min(memoryBytes, HOLES_DATA_BYTES) : memoryBytes;
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    for (long at = 0; at < data; at += BUFFER_BYTES) {
      MemoryFill.RANDOM.fill(at / MemoryFill.PAGE_BYTES, buffer.clear());
      if (content == Content.HALF) {
        clearHalves(buffer);
      }
      memory.writeAt(at, buffer.clear());
    }
    return new OffloadGuest(memory);
  }

  private static void clearHalves(ByteBuffer pages) {
    byte[] zeros = new byte[MemoryFill.PAGE_BYTES / 2];
    for (int at = 0; at < pages.capacity(); at += MemoryFill.PAGE_BYTES) {
      pages.put(at + zeros.length, zeros);
    }
  }

  long memoryBytes() {
    return memory.sizeBytes();
  }

  /** Its memory as a file that other processes can read. */
  Path file() {
    return Path.of(
        "/proc",
        Long.toString(ProcessHandle.current().pid()),
        "fd",
        Integer.toString(memory.fd().raw()));
  }

  /**
   * Hands it to a daemon.
   *
   * @return milliseconds from its state to the daemon's last answer: how long a guest stands still
   */
  double handOver(Path socket) throws IOException {
    try (SourceChannel channel =
        new SourceChannel(new MigrationUrl.Unix(socket), null, PATIENCE, PATIENCE)) {
      channel.start(Extensions.NONE);
      channel.memoryFd(0, memory.fd());
      channel.config(json(config()));
      ByteBuffer state = json("{}");
      long start = System.nanoTime();
      channel.state(state);
      channel.complete(true);
      return (System.nanoTime() - start) / 1e6;
    }
  }

  /** One slot from address 0. */
  private String config() {
    return String.format(
        Locale.ROOT,
        "{\"vm_config\":{},\"memory_manager_data\":{\"guest_ram_mappings\":[{\"slot\":0,\"gpa\":0,"
            + "\"size\":%d,\"zone_id\":\"mem0\",\"virtio_mem\":false,\"file_offset\":0}]}}",
        memory.sizeBytes());
  }

  private static ByteBuffer json(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
  }

  @Override
  public void close() {
    memory.close();
  }
}
