package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.snapshot.ReplacedFile;
import io.vmferry.streams.snapshot.WorkingSetFile;
import java.io.IOException;
import java.nio.file.Files;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A working set in a store's directory, which is made for the first. */
final class LocalWorkingSet implements WorkingSetFile {
  private final StoreFiles files;
  private final ReplacedFile file;

  LocalWorkingSet(StoreFiles files, UUID generation) {
    this.files = files;
    this.file = new ReplacedFile(files.workingSet(generation));
  }

  @Override
  public byte @Nullable [] read() throws IOException {
    return file.read();
  }

  @Override
  public void replace(byte[] bytes) throws IOException {
    try {
      Files.createDirectories(files.workingSets());
    } catch (IOException e) {
      throw StoreFiles.cannotWrite(files, e);
    }
    file.replace(bytes);
  }
}
