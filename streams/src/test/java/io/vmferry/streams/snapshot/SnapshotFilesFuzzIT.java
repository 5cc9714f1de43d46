package io.vmferry.streams.snapshot;

import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.testing.Fuzz;
import io.vmferry.streams.testing.JsonMutator;
import io.vmferry.streams.testing.Mutator;
import io.vmferry.streams.transfer.Guests;
import io.vmferry.streams.wire.MemoryRange;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Directories whose files are almost those of a snapshot. */
@Timeout(3600)
class SnapshotFilesFuzzIT {
  private static final long MIB = 1 << 20;

  @TempDir private Path disk;

  private Path directory;
  private final Map<Path, byte[]> good = new TreeMap<>();

  @BeforeEach
  void write() throws IOException {
    directory = disk.resolve("s");
    try (GuestMemory guest = GuestMemory.allocate(MIB, PageSize.KIB_4)) {
      guest.write(guest.regions().get(0).base().plus(8192), new byte[] {1, 2, 3});
      try (DirectoryWriter writer = DirectoryWriter.begin(directory)) {
        Snapshots.write(writer, guest);
      }
    }
    try (DirectoryReader reader = DirectoryReader.open(directory)) {
      WorkingSet set = new WorkingSet(reader.generation(), List.of(new PageRun(0, 8192)));
      reader.workingSet().replace(set.encode());
    }
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        good.put(file, Files.readAllBytes(file));
      }
    }
  }

  @Test
  void aDirectoryIsReadOrRefused() throws Exception {
    List<Path> files = List.copyOf(good.keySet());
    Fuzz.of(SnapshotFilesFuzzIT.class, 400)
        .refusedWith(SnapshotException.class)
        .run(
            random -> {
              Path file = files.get(random.nextInt(files.size()));
              try {
                Files.write(file, bad(file, random));
                restore(random);
              } catch (SyscallException e) {
                throw new AssertionError("the kernel was asked for it", e);
              } finally {
                Files.write(file, good.get(file));
              }
            });
  }

  private byte[] bad(Path file, Random random) {
    byte[] bytes = good.get(file);
    return file.toString().endsWith("config.json") && random.nextInt(4) > 0
        ? new JsonMutator(random).mutate(bytes)
        : new Mutator(random).mutate(bytes);
  }

  private void restore(Random random) throws IOException {
    try (DirectoryReader reader = DirectoryReader.open(directory);
        SnapshotMemory memory = SnapshotMemory.create(reader, PageSize.KIB_4)) {
      WorkingSetRecord record =
          WorkingSetRecord.open(reader, memory.memory(), random.nextBoolean(), warning -> {});
      MemoryRange page = new MemoryRange(reader.config().mappings().get(0).gpa(), Guests.PAGE);
      record.faulted(page);
      memory.bring(page);
      memory.fillFirst(record);
      memory.fill();
    }
  }
}
