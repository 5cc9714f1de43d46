package io.vmferry.daemon.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The memory keeper as a process, with little memory. */
@Timeout(60)
class MemoryKeeperIT {
  private static final long MOST = 128L << 20;
  private static final long FLOOR = 64L << 20;
  // More than any host has free: whatever it takes it gives back at once.
  private static final long EVERYTHING = 1L << 50;

  @TempDir Path directory;
  private final Cleanup cleanup = new Cleanup();
  private final List<String> reasons = new ArrayList<>();

  private Path program = Path.of("");

  @BeforeEach
  void compile() throws Exception {
    Path compiled = NativeProgram.compile("keep", directory, "memory keeper", reasons);
    assumeTrue(compiled != null, reasons::toString);
    program = Objects.requireNonNull(compiled);
  }

  @AfterEach
  void endAll() {
    cleanup.close();
  }

  @Test
  void holdsMemoryAndIsTheFirstToBeKilled() throws Exception {
    MemoryKeeper keeper = MemoryKeeper.start(program, FLOOR, 0, MOST, cleanup);

    MemoryKeeper.Kept kept = keeper.take();

    assertEquals(MOST, kept.bytes());
    assertTrue(residentBytes(keeper.pid()) >= MOST, kept::toString);
    assertEquals("1000", Files.readString(proc(keeper.pid(), "oom_score_adj")).strip());
  }

  @Test
  void givesMemoryBackWhileLessThanItsThresholdIsFree() throws Exception {
    MemoryKeeper keeper = MemoryKeeper.start(program, FLOOR, EVERYTHING, MOST, cleanup);

    keeper.take();

    while (residentBytes(keeper.pid()) > MOST / 2) {
      Thread.onSpinWait(); // until the timeout of the class
    }
  }

  @Test
  void endsWithItsStandardInput() throws Exception {
    MemoryKeeper keeper = MemoryKeeper.start(program, FLOOR, 0, MOST, cleanup);
    keeper.take();
    ProcessHandle process = ProcessHandle.of(keeper.pid()).orElseThrow();

    keeper.hangUp();

    process.onExit().get(10, TimeUnit.SECONDS);
  }

  @Test
  void aKeeperThatWasKilledIsAFailureThatSaysWhatToDo() throws Exception {
    MemoryKeeper keeper = MemoryKeeper.start(program, FLOOR, 0, MOST, cleanup);
    ProcessHandle process = ProcessHandle.of(keeper.pid()).orElseThrow();
    process.destroyForcibly();
    process.onExit().get(10, TimeUnit.SECONDS);

    BenchFailure failure = assertThrows(BenchFailure.class, keeper::take);

    assertTrue(String.valueOf(failure.getMessage()).contains("--no-memory-keeper"));
  }

  private static long residentBytes(long pid) throws Exception {
    String pages = Files.readString(proc(pid, "statm")).split(" ", -1)[1];
    return Long.parseLong(pages) * 4096;
  }

  private static Path proc(long pid, String file) {
    return Path.of("/proc", Long.toString(pid), file);
  }
}
