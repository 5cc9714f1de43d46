package io.vmferry.daemon.bench;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.vmferry.daemon.units.Sizes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The machine the figures belong to.
 *
 * @param cpu model name
 * @param cpus logical CPUs
 * @param memoryBytes physical memory
 * @param kernel release
 * @param jdk version
 */
@JsonNaming(SnakeCaseStrategy.class)
public record MachineFacts(String cpu, int cpus, long memoryBytes, String kernel, String jdk) {

  static MachineFacts ofThisHost() throws IOException {
    return new MachineFacts(
        field(Path.of("/proc/cpuinfo"), "model name"),
        Runtime.getRuntime().availableProcessors(),
        Long.parseLong(field(Path.of("/proc/meminfo"), "MemTotal").replaceAll("[^0-9]", "")) << 10,
        System.getProperty("os.version", "?"),
        System.getProperty("java.runtime.version", "?"));
  }

  private static String field(Path file, String name) throws IOException {
    List<String> lines = Files.readAllLines(file);
    return lines.stream()
        .filter(line -> line.startsWith(name))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst()
        .orElse("0");
  }

  /** One line for people. */
  String text() {
    return cpus
        + " CPUs ("
        + cpu
        + "), "
        + Sizes.format(memoryBytes)
        + ", Linux "
        + kernel
        + ", JDK "
        + jdk;
  }
}
