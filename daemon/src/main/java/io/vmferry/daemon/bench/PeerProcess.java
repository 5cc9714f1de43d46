package io.vmferry.daemon.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.vmferry.daemon.api.Json;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A peer's process: what it prints, line by line. Killed when closed. */
final class PeerProcess implements AutoCloseable {
  private static final String END = "";

  private final String name;
  private final Process process;
  private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();

  private PeerProcess(String name, Process process) {
    this.name = name;
    this.process = process;
  }

  /**
   * Starts it.
   *
   * @param cleanup kills it if this is not closed
   */
  static PeerProcess start(String name, List<String> line, Cleanup cleanup) throws IOException {
    Process process = new ProcessBuilder(line).redirectErrorStream(true).start();
    PeerProcess peer = new PeerProcess(name, process);
    cleanup.add(peer::close);
    Thread reader = new Thread(peer::read, "stdout-of-" + name);
    reader.setDaemon(true);
    reader.start();
    return peer;
  }

  private void read() {
    try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
      reader.lines().filter(line -> !line.isBlank()).forEach(lines::add);
    } catch (IOException | UncheckedIOException e) {
      // The process ended; that is what is reported.
    }
    lines.add(END);
  }

  long pid() {
    return process.pid();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** The number behind a word at the start of its next line. */
  int number(String word, long limitSeconds) throws InterruptedException {
    String line = line(limitSeconds);
    if (!line.startsWith(word + " ")) {
      throw new BenchFailure(name + " said: " + line);
    }
    return Integer.parseInt(line.substring(word.length() + 1).strip());
  }

  /** Its next line, an object. */
  JsonNode json(long limitSeconds) throws InterruptedException {
    String line = line(limitSeconds);
    try {
      JsonNode node = Json.LENIENT.readTree(line);
      if (node.isObject()) {
        return node;
      }
    } catch (JsonProcessingException e) {
      // Said below.
    }
    throw new BenchFailure(name + " said: " + line);
  }

  /** Writes a line to its standard input. */
  void say(String text) {
    try {
      process.outputWriter(StandardCharsets.UTF_8).append(text).append('\n').flush();
    } catch (IOException e) {
      throw new BenchFailure(name + " takes no commands", e);
    }
  }

  /** Closes its standard input: whatever is in this package then ends. */
  void hangUp() throws IOException {
    process.getOutputStream().close();
  }

  /** Its next line. */
  String line(long limitSeconds) throws InterruptedException {
    String line = lines.poll(limitSeconds, TimeUnit.SECONDS);
    if (line == null || line.equals(END)) {
      throw new BenchFailure(
          name
              + (line == null
                  ? " said nothing within " + limitSeconds + " s"
                  : " ended without a word"));
    }
    return line;
  }

  /** Waits for its end, which must be a good one. */
  void awaitEnd(long limitSeconds) throws InterruptedException {
    if (!process.waitFor(limitSeconds, TimeUnit.SECONDS)) {
      throw new BenchFailure(name + " did not end within " + limitSeconds + " s");
    }
    if (process.exitValue() != 0) {
      String last = lines.poll(limitSeconds, TimeUnit.SECONDS);
      throw new BenchFailure(name + " ended with " + process.exitValue() + ": " + last);
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
