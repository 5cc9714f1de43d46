package io.vmferry.kvm.sandbox;

import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.PageSize;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.Callable;

/**
 * The JVM of {@link LandlockIT}: may write below one directory only, and tries things on a thread
 * that it starts then. Arguments: that directory, another one that has a file "old". Prints a line
 * of each.
 */
final class FencedWrites {
  private FencedWrites() {}

  public static void main(String[] arguments) throws Exception {
    Path inside = Path.of(arguments[0]);
    Path outside = Path.of(arguments[1]);
    System.out.println("bound " + Landlock.allowWritesBelow(List.of(inside)));
    Thread thread =
        new Thread(
            () -> {
              report("write inside", () -> Files.writeString(inside.resolve("new"), "text"));
              report("write outside", () -> Files.writeString(outside.resolve("new"), "text"));
              report("overwrite outside", () -> Files.writeString(outside.resolve("old"), "x"));
              report("delete outside", () -> Files.deleteIfExists(outside.resolve("old")));
              report("link outside", () -> link(outside));
              report("move in", () -> move(outside.resolve("old"), inside.resolve("old")));
              report("move out", () -> move(inside.resolve("new"), outside.resolve("new")));
              report("read outside", () -> Files.readString(outside.resolve("old")));
              report("memory", FencedWrites::memory);
            });
    thread.start();
    thread.join();
  }

  private static Path move(Path from, Path to) throws Exception {
    return Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
  }

  private static Path link(Path directory) throws Exception {
    return Files.createSymbolicLink(directory.resolve("link"), Path.of("/etc/passwd"));
  }

  private static long memory() throws Exception {
    try (Memfd memory = Memfd.create("guest", 4L << 20, PageSize.KIB_4)) {
      return memory.sizeBytes();
    }
  }

  private static void report(String what, Callable<?> thing) {
    try {
      Object unused = thing.call();
      System.out.println(what + ": done");
    } catch (Exception e) {
      System.out.println(what + ": " + e.getClass().getSimpleName());
    }
  }
}
