package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.snapshot.ReplacedFile;
import io.vmferry.streams.snapshot.WorkingSetFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A file of a working set in a store, whose directory is made for the first. */
final class LocalWorkingSet implements WorkingSetFile {
  private final StoreFiles files;
  private final Path directory;
  private final ReplacedFile file;

  /**
   * A file.
   *
   * @param mostBytes that it may have
   */
  LocalWorkingSet(StoreFiles files, Path directory, String name, int mostBytes) {
    this.files = files;
    this.directory = directory;
    this.file = new ReplacedFile(directory.resolve(name), mostBytes);
  }

  @Override
  public byte @Nullable [] read() throws IOException {
    return file.read();
  }

  @Override
  public void replace(byte[] bytes) throws IOException {
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw StoreFiles.cannotWrite(files, e);
    }
    file.replace(bytes);
  }
}
