package io.vmferry.kvm.sandbox;

import io.vmferry.kvm.ThreadPriority;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;

/**
 * The JVM of {@link SeccompIT}: does one forbidden thing on a fenced thread, then on the main one,
 * and prints a line of each. Arguments: the role, the mode, the thing, a directory.
 */
final class FencedWork {
  private FencedWork() {}

  public static void main(String[] arguments) throws Exception {
    SandboxRole role = SandboxRole.valueOf(arguments[0]);
    SeccompMode mode = SeccompMode.parse(arguments[1]);
    Callable<?> thing = thing(arguments[2], Path.of(arguments[3]));
    Thread fenced =
        new Thread(
            () -> {
              try {
                Seccomp.confine(role, mode);
              } catch (Exception e) {
                System.out.println("not fenced: " + e);
                return;
              }
              System.out.println("fenced: " + outcome(thing));
            });
    fenced.start();
    fenced.join();
    System.out.println("main: " + outcome(thing));
  }

  private static Callable<?> thing(String name, Path directory) {
    return switch (name) {
      case "nothing" -> () -> "";
      case "socket" ->
          () -> {
            SocketChannel.open().close();
            return "";
          };
      case "process" -> () -> new ProcessBuilder("true").start().waitFor();
      case "thread" ->
          () -> {
            Thread thread = new Thread(() -> {});
            thread.start();
            thread.join();
            return "";
          };
      case "write" -> () -> Files.writeString(directory.resolve("new"), "text");
      case "raise" -> () -> ThreadPriority.raise();
      case "read" -> () -> Files.readString(Path.of("/proc/self/status"));
      default -> throw new IllegalArgumentException(name);
    };
  }

  private static String outcome(Callable<?> thing) {
    try {
      Object unused = thing.call();
      return "done";
    } catch (Exception | OutOfMemoryError e) {
      return "refused: " + e;
    }
  }
}
