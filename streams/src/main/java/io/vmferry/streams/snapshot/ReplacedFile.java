package io.vmferry.streams.snapshot;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A file of a working set. It is replaced by a rename and not synced: after a crash there may be
 * none, or one whose checksum is wrong.
 */
public final class ReplacedFile implements WorkingSetFile {
  private final Path path;
  private final int mostBytes;

  /**
   * Bytes at a path whose directory is there.
   *
   * @param mostBytes that it may have
   */
  public ReplacedFile(Path path, int mostBytes) {
    this.path = path;
    this.mostBytes = mostBytes;
  }

  @Override
  public byte @Nullable [] read() throws IOException {
    try (InputStream in = Files.newInputStream(path)) {
      return in.readNBytes(mostBytes + 1);
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  @Override
  public void replace(byte[] bytes) throws IOException {
    Path fresh = path.resolveSibling(path.getFileName() + "." + UUID.randomUUID() + ".new");
    try {
      Files.write(fresh, bytes);
      Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      Files.deleteIfExists(fresh);
      throw WriteFailures.of(String.valueOf(path.getParent()), e);
    }
  }
}
