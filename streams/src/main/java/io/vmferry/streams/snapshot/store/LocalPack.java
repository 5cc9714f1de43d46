package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.snapshot.WorkingSetFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.UUID;

/** Packed pages in a directory of a store's, which is made for the first. */
final class LocalPack implements PackFiles {
  private final StoreFiles files;
  private final Path directory;
  private final int chunkBytes;

  LocalPack(StoreFiles files, UUID generation, int chunkBytes) {
    this.files = files;
    this.directory = files.pack(generation);
    this.chunkBytes = chunkBytes;
  }

  @Override
  public String location() {
    return files.directory().toString();
  }

  @Override
  public int chunkBytes() {
    return chunkBytes;
  }

  @Override
  public WorkingSetFile table() {
    return new LocalWorkingSet(files, directory, "table", PackTable.MOST_BYTES);
  }

  @Override
  public void read(ChunkName name, ByteBuffer into) throws IOException {
    files.read(directory.resolve(name.toString()), name, into);
  }

  @Override
  public void write(ChunkName name, ByteBuffer file) throws IOException {
    byte[] bytes = new byte[file.remaining()];
    file.duplicate().get(bytes);
    new LocalWorkingSet(files, directory, name.toString(), bytes.length).replace(bytes);
  }
}
