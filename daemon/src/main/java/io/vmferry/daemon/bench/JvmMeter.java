package io.vmferry.daemon.bench;

import io.vmferry.daemon.bench.RunFigures.ProcessUse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a JVM uses in a run: CPU, memory, heap and pauses. The run begins with a full collection, so
 * that the heap of one run does not depend on the one before; jcmd asks for it where the JDK has
 * one.
 */
final class JvmMeter {
  // garbage-first heap   total 66560K, used 21504K [0x...
  private static final Pattern USED = Pattern.compile("heap\\s+total \\d+K, used (\\d+)K");
  private static final Path JCMD = Path.of(System.getProperty("java.home"), "bin", "jcmd");

  private final long pid;
  private final GcLog log;
  private @Nullable ProcessMeter meter;

  JvmMeter(long pid, GcLog log) {
    this.pid = pid;
    this.log = log;
  }

  void start() throws IOException, InterruptedException {
    jcmd("GC.run");
    log.skip();
    meter = ProcessMeter.start(pid);
  }

  ProcessUse stop() throws IOException, InterruptedException {
    ProcessMeter started = meter;
    if (started == null) {
      throw new IllegalStateException("stop without start");
    }
    ProcessMeter.Reading reading = started.stop();
    long used = usedBytes(jcmd("GC.heap_info"));
    GcLog.Pauses pauses = log.read();
    long peak = Math.max(used, pauses.peakHeapBytes());
    return new ProcessUse(
        reading.cpuSeconds(),
        reading.peakRssBytes(),
        peak > 0 ? peak : null,
        pauses.liveHeapBytes() > 0 ? pauses.liveHeapBytes() : null,
        pauses.count(),
        pauses.totalMs(),
        pauses.maxMs());
  }

  /** The heap in use of what GC.heap_info prints; 0 if it prints something else. */
  static long usedBytes(String heapInfo) {
    Matcher matcher = USED.matcher(heapInfo);
    return matcher.find() ? Long.parseLong(matcher.group(1)) << 10 : 0;
  }

  private String jcmd(String command) throws IOException, InterruptedException {
    if (!Files.isExecutable(JCMD)) {
      return "";
    }
    Process process =
        new ProcessBuilder(JCMD.toString(), Long.toString(pid), command)
            .redirectErrorStream(true)
            .start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return text;
  }
}
