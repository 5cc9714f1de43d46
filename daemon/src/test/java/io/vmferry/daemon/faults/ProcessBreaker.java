package io.vmferry.daemon.faults;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Breaks a node process as a {@link Fault} says, and mends it. */
final class ProcessBreaker implements FaultProxy.Controller, AutoCloseable {
  private static final long FREEZE_MILLIS = 500;
  private static final long SHORTAGE_MILLIS = 1500;

  private final Hosts hosts;
  private final Side side;
  private final long stopMillis;
  private @Nullable Thread mending;

  /**
   * @param stopMillis how long a stopped process stands still; more than its peer waits
   */
  ProcessBreaker(Hosts hosts, Side side, long stopMillis) {
    this.hosts = hosts;
    this.side = side;
    this.stopMillis = stopMillis;
  }

  @Override
  public void strike(Fault fault) throws IOException, InterruptedException {
    switch (fault) {
      case KILL -> hosts.node(side).kill();
      case STOP -> stop(stopMillis);
      case FREEZE -> stop(FREEZE_MILLIS);
      case FULL -> limit("--fsize", "0");
      case NO_DESCRIPTORS -> limit("--nofile", Long.toString(descriptors()));
      default -> throw new IllegalArgumentException(fault + " breaks no process");
    }
  }

  private void stop(long millis) throws IOException, InterruptedException {
    command("kill", "-STOP", pid());
    mendAfter(millis, () -> command("kill", "-CONT", pid()));
  }

  private void mendAfter(long millis, FaultProxy.Step step) {
    Thread thread =
        new Thread(
            () -> {
              LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(millis));
              try {
                step.run();
              } catch (IOException | InterruptedException e) {
                throw new AssertionError("a node stays broken", e);
              }
            },
            "mend-" + side);
    mending = thread;
    thread.start();
  }

  /** Source: prlimit(1). The soft limit alone, which the process does not raise by itself. */
  private void limit(String resource, String value) throws IOException, InterruptedException {
    String soft =
        command("prlimit", "--pid", pid(), resource, "--raw", "--noheadings", "--output=SOFT");
    command("prlimit", "--pid", pid(), resource + "=" + value + ":");
    mendAfter(
        SHORTAGE_MILLIS,
        () -> command("prlimit", "--pid", pid(), resource + "=" + soft.strip() + ":"));
  }

  /**
   * One more than the greatest number in use: what is open can be closed still, which for the JDK
   * takes a dup2 to its number, and only gaps are left for new ones.
   */
  private long descriptors() throws IOException {
    try (Stream<Path> open = Files.list(Path.of("/proc", pid(), "fd"))) {
      return 1
          + open.mapToLong(fd -> Long.parseLong(fd.getFileName().toString())).max().orElseThrow();
    }
  }

  private String pid() {
    return Long.toString(hosts.node(side).process().pid());
  }

  private static String command(String... line) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(line).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(String.join(" ", line) + ": " + said);
    }
    return said;
  }

  /** Waits until the process is as it was. */
  @Override
  public void close() {
    Thread thread = mending;
    if (thread != null) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
