package io.vmferry.streams.compression;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Native libraries of codecs, which unpack them into the directory for temporary files and remove
 * them at the end of the JVM: one that is killed would leave them there. Once they are loaded they
 * need no name.
 */
final class UnpackedLibraries {
  // Source: proc_pid_maps(5); a removed file has " (deleted)" behind its name.
  private static final Path MAPPINGS = Path.of("/proc/self/maps");
  private static final Pattern LIBRARY =
      Pattern.compile("/\\S*/lib(?:lz4-java|zstd-jni)[^/\\s]*\\.so$");
  // The library of lz4 marks its files as in use by one with this beside its name.
  private static final String MARK = ".lck";

  private UnpackedLibraries() {}

  /** Removes those that this process has loaded. */
  static void remove() {
    Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
    try {
      for (String mapping : Files.readAllLines(MAPPINGS)) {
        Matcher library = LIBRARY.matcher(mapping);
        if (library.find() && Path.of(library.group()).startsWith(temporary)) {
          Files.deleteIfExists(Path.of(library.group()));
          Files.deleteIfExists(Path.of(library.group() + MARK));
        }
      }
    } catch (IOException e) {
      // The end of the JVM removes them, as it would have without this.
    }
  }
}
