package io.vmferry.daemon.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.stream.Stream;

/**
 * What must not be left behind: processes, namespaces, files. Undone in reverse order when closed,
 * and when the JVM is told to end. Thread-safe.
 */
final class Cleanup implements AutoCloseable {
  /** Takes something back; tries its best and throws nothing that is checked. */
  @FunctionalInterface
  interface Step {
    void undo();
  }

  private final Deque<Step> steps = new ArrayDeque<>();
  private final Thread hook = new Thread(this::undoAll, "undo-bench");
  private boolean closed;

  Cleanup() {
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /**
   * Adds a step; undone at once if all was undone already.
   *
   * @throws BenchFailure in that case
   */
  synchronized void add(Step step) {
    if (closed) {
      step.undo();
      throw new BenchFailure("Interrupted");
    }
    steps.push(step);
  }

  /** Removes a file or a directory if it is there. */
  static void remove(Path path) {
    if (!Files.exists(path)) {
      return;
    }
    try (Stream<Path> all = Files.walk(path)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    } catch (IOException e) {
      throw new BenchFailure(path + " could not be removed", e);
    }
  }

  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM goes down: the hook runs, and this waits for it.
    }
    undoAll();
  }

  private synchronized void undoAll() {
    closed = true;
    while (!steps.isEmpty()) {
      try {
        steps.pop().undo();
      } catch (RuntimeException e) {
        System.err.println("vmferry: could not clean up: " + e.getMessage());
      }
    }
  }
}
