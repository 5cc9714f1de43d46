package io.vmferry.streams.snapshot.remote;

import io.vmferry.streams.snapshot.WorkingSetFile;
import io.vmferry.streams.snapshot.store.ChunkHeader;
import io.vmferry.streams.snapshot.store.ChunkName;
import io.vmferry.streams.snapshot.store.PackFiles;
import io.vmferry.streams.snapshot.store.PackTable;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Packed pages in a remote store. */
final class RemotePack implements PackFiles {
  private final RemoteStore store;
  private final StoreHttp http;
  private final String path;

  RemotePack(RemoteStore store, StoreHttp http, String path) {
    this.store = store;
    this.http = http;
    this.path = path;
  }

  @Override
  public String location() {
    return store.location();
  }

  @Override
  public int chunkBytes() {
    return store.chunkBytes();
  }

  @Override
  public WorkingSetFile table() {
    return new RemoteWorkingSet(http, path, PackTable.MOST_BYTES);
  }

  @Override
  public void read(ChunkName name, ByteBuffer into) throws IOException {
    into.put(http.bytes(http.request("GET", chunk(name)), ChunkHeader.mostBytes(chunkBytes())));
  }

  private String chunk(ChunkName name) {
    return path + "/" + name;
  }

  @Override
  public void write(ChunkName name, ByteBuffer file) throws IOException {
    http.bytes(http.request("PUT", chunk(name), file), 0);
  }
}
