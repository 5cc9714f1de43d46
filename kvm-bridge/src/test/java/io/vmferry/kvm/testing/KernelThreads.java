package io.vmferry.kvm.testing;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What threads of this process do in the kernel, from /proc: tests wait for it, without sleeping.
 */
public final class KernelThreads {
  private KernelThreads() {}

  /**
   * Waits until the thread of that name is inside a system call.
   *
   * @param name at most 15 characters: the kernel keeps no more
   * @param systemCall its number
   */
  public static void awaitInside(String name, int systemCall) throws IOException {
    long deadline = System.nanoTime() + 20_000_000_000L;
    while (!inside(name, systemCall)) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError(name + " never entered system call " + systemCall);
      }
      Thread.onSpinWait();
    }
  }

  private static boolean inside(String name, int systemCall) throws IOException {
    try (DirectoryStream<Path> tasks = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
      for (Path task : tasks) {
        if (isInside(task, name, systemCall)) {
          return true;
        }
      }
    }
    return false;
  }

  private static boolean isInside(Path task, String name, int systemCall) {
    try {
      return Files.readString(task.resolve("comm")).trim().equals(name)
          && Files.readString(task.resolve("syscall")).startsWith(systemCall + " ");
    } catch (IOException e) {
      return false; // The thread ended meanwhile.
    }
  }
}
