package io.vmferry.daemon.bench;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Compiles the C programs that are resources of this package, on this host. */
final class NativeProgram {
  private NativeProgram() {}

  /**
   * Compiles {@code <name>.c}.
   *
   * @param directory gets the source and the program
   * @param what how the reason begins: what is left out without it
   * @param reasons gets the sentence that says why there is none
   * @return the program; null if there is none
   */
  static @Nullable Path compile(String name, Path directory, String what, List<String> reasons)
      throws IOException, InterruptedException {
    Path source = directory.resolve(name + ".c");
    try (InputStream in = NativeProgram.class.getResourceAsStream(name + ".c")) {
      if (in == null) {
        throw new IllegalStateException(name + ".c is a resource of this class");
      }
      Files.copy(in, source);
    }
    Path program = directory.resolve(name);
    Process compiler;
    try {
      compiler =
          new ProcessBuilder("cc", "-O2", "-pthread", "-o", program.toString(), source.toString())
              .redirectErrorStream(true)
              .start();
    } catch (IOException e) {
      reasons.add(what + ": there is no cc on this host (Debian: apt-get install gcc libc6-dev)");
      return null;
    }
    String said = new String(compiler.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (compiler.waitFor() != 0) {
      String reason = said.lines().findFirst().orElse("no reason");
      reasons.add(what + ": cc does not compile " + name + ".c: " + reason);
      return null;
    }
    return program;
  }
}
