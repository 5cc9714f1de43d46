package io.vmferry.daemon.access;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What some files say, read anew once they have changed: a node keeps its guests while its token or
 * its certificates are replaced. Files that cannot be used are logged, and what was read before
 * stays.
 *
 * <p>Thread-safe.
 *
 * @param <T> what they say
 */
public final class Reloaded<T> implements Supplier<T> {
  private static final Logger LOG = LoggerFactory.getLogger(Reloaded.class);
  // The change time is of content and rights, and nobody can set it.
  private static final String ATTRIBUTES = "unix:ino,size,ctime";
  private static final long LOOK_AGAIN_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** Reads the files. */
  public interface Reader<T> {
    /**
     * Reads.
     *
     * @throws IOException with one sentence for the user, without a secret, if it cannot
     */
    T read() throws IOException;
  }

  private final List<Path> files;
  private final Reader<T> reader;
  private final LongSupplier nanoTime;
  private T value;
  private List<Map<String, Object>> stamps;
  private long lookedAt;

  Reloaded(List<Path> files, Reader<T> reader, LongSupplier nanoTime) throws IOException {
    this.files = List.copyOf(files);
    this.reader = reader;
    this.nanoTime = nanoTime;
    this.stamps = look(files);
    this.lookedAt = nanoTime.getAsLong();
    this.value = reader.read();
  }

  /**
   * Reads the files for the first time.
   *
   * @throws IOException as the reader does
   */
  public static <T> Reloaded<T> of(List<Path> files, Reader<T> reader) throws IOException {
    return new Reloaded<>(files, reader, System::nanoTime);
  }

  /** What they say; looks at the files at most once a second. */
  @Override
  public synchronized T get() {
    long now = nanoTime.getAsLong();
    if (now - lookedAt >= LOOK_AGAIN_NANOS) {
      lookedAt = now;
      // Before they are read: what changes meanwhile is seen the next time.
      List<Map<String, Object>> seen = look(files);
      if (!seen.equals(stamps)) {
        stamps = seen;
        readAgain();
      }
    }
    return value;
  }

  private void readAgain() {
    try {
      value = reader.read();
      LOG.info("Read anew: {}", files);
    } catch (IOException e) {
      LOG.warn("What was read before stays in use. {}", e.getMessage());
    }
  }

  private static List<Map<String, Object>> look(List<Path> files) {
    return files.stream().map(Reloaded::look).toList();
  }

  private static Map<String, Object> look(Path file) {
    try {
      return Files.readAttributes(file, ATTRIBUTES);
    } catch (IOException e) {
      // It is not there; the reader says so.
      return Map.of();
    }
  }
}
