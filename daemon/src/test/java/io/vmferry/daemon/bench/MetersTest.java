package io.vmferry.daemon.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetersTest {
  @TempDir Path directory;

  @Test
  void cpuTimeIsFoundBehindANameWithBlanksAndBrackets() {
    String stat = "77 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20 0 3 0 100";

    assertEquals(4.0, ProcessMeter.cpuSeconds(stat));
  }

  @Test
  void peakMemoryIsInKibibytes() {
    assertEquals(3 << 20, ProcessMeter.peakRssBytes("VmPeak:\t 9999 kB\nVmHWM:\t    3072 kB\n"));
  }

  @Test
  void ownProcessIsMeasured() throws Exception {
    ProcessMeter.Reading reading = ProcessMeter.start(ProcessHandle.current().pid()).stop();

    assertTrue(reading.cpuSeconds() >= 0);
    assertTrue(reading.peakRssBytes() > 1 << 20);
  }

  @Test
  void collectionsAreReadFromWhereTheLastReadingEnded() throws Exception {
    Path file = directory.resolve("gc");
    GcLog log = new GcLog(file);
    Files.writeString(file, "[0.1s] GC(0) Pause Young (Normal) (G1) 900M->800M(1024M) 50.0ms\n");
    log.skip();
    Files.writeString(
        file,
        Files.readString(file)
            + "[1.2s] GC(1) Pause Young (Normal) (G1 Evacuation Pause) 23M->5M(64M) 2.500ms\n"
            + "[1.3s] GC(2) Concurrent Mark Cycle 7.000ms\n"
            + "[1.4s] GC(2) Pause Remark 2048K->1024K(64M) 0.500ms\n");

    GcLog.Pauses pauses = log.read();

    assertEquals(new GcLog.Pauses(2, 3.0, 2.5, 23 << 20, 5 << 20), pauses);
    assertEquals(0, log.read().count());
  }

  @Test
  void heapInUseIsFoundInWhatJcmdPrints() {
    String g1 = "77:\n garbage-first heap   total 66560K, used 21504K [0x00000000e0000000, 0x)\n";

    assertEquals(21L << 20, JvmMeter.usedBytes(g1));
    assertEquals(0, JvmMeter.usedBytes("77:\nCould not connect"));
  }
}
