package io.vmferry.daemon.testing;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The vmferry command in a JVM of its own, its streams in files. Closing it kills it. */
public final class CommandRun implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Pattern READY = Pattern.compile("is ready: (https?://\\S+), cluster (\\S+)");

  private final Process process;
  private final Path out;
  private final Path err;

  private CommandRun(Process process, Path out, Path err) {
    this.process = process;
    this.out = out;
    this.err = err;
  }

  /**
   * Starts it.
   *
   * @param directory for its output and its temporary files
   */
  public static CommandRun start(Path directory, String... args) throws IOException {
    return start(directory, List.of(), args);
  }

  /** The same with more options for its JVM. */
  public static CommandRun start(Path directory, List<String> jvmOptions, String... args)
      throws IOException {
    // A shell without job control starts its children with SIGINT ignored; the JVM respects that.
    List<String> line =
        new ArrayList<>(
            List.of(
                "env",
                "--default-signal=INT",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Djna.nosys=true",
                "-Djava.io.tmpdir=" + directory,
                "-Dpekko.cluster.seed-node-timeout=500ms"));
    line.addAll(jvmOptions);
    line.addAll(
        List.of("-cp", System.getProperty("java.class.path"), "io.vmferry.daemon.cli.Main"));
    line.addAll(List.of(args));
    Path out = Files.createTempFile(directory, "run", ".out");
    Path err = Files.createTempFile(directory, "run", ".err");
    ProcessBuilder builder =
        new ProcessBuilder(line).redirectOutput(out.toFile()).redirectError(err.toFile());
    for (String variable : List.of("VMFERRY_NODE", "VMFERRY_TOKEN_FILE", "VMFERRY_TLS_DIR")) {
      builder.environment().remove(variable);
    }
    return new CommandRun(builder.start(), out, err);
  }

  /** Its process. */
  public Process process() {
    return process;
  }

  /** What it wrote to stdout up to now. */
  public String out() {
    return read(out);
  }

  /** What it wrote to stderr up to now. */
  public String err() {
    return read(err);
  }

  private static String read(Path file) {
    try {
      return Files.readString(file, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Waits for its end; its exit status. */
  public int await() throws InterruptedException {
    if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
      throw new AssertionError("it goes on; stdout: " + out() + " stderr: " + err());
    }
    return process.exitValue();
  }

  /** Waits until a node has printed its line; its URL and its cluster address. */
  public Matcher awaitReady() throws InterruptedException {
    until(() -> READY.matcher(out()).find());
    Matcher matcher = READY.matcher(out());
    if (!matcher.find()) {
      throw new AssertionError("not ready: " + out());
    }
    return matcher;
  }

  /** Waits until something is so, or the process has ended. */
  public void until(BooleanSupplier so) throws InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!so.getAsBoolean()) {
      if (System.nanoTime() - deadline > 0) {
        throw new AssertionError("in vain; stdout: " + out() + " stderr: " + err());
      }
      if (process.waitFor(50, TimeUnit.MILLISECONDS)) {
        if (so.getAsBoolean()) {
          return;
        }
        throw new AssertionError(
            "it ended with " + process.exitValue() + "; stdout: " + out() + " stderr: " + err());
      }
    }
  }

  /** Sends it a signal: {@code INT}, {@code TERM} ... */
  public void signal(String name) throws IOException, InterruptedException {
    int status =
        new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
            .inheritIO()
            .start()
            .waitFor();
    if (status != 0) {
      throw new AssertionError("kill ended with " + status);
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
