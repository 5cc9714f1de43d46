package io.vmferry.streams.snapshot.remote;

import io.vmferry.streams.snapshot.WorkingSetFile;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import org.jspecify.annotations.Nullable;

/** A file of a working set in a remote store. An empty answer says that there is none. */
final class RemoteWorkingSet implements WorkingSetFile {
  private final StoreHttp http;
  private final String path;
  private final int mostBytes;

  RemoteWorkingSet(StoreHttp http, String path, int mostBytes) {
    this.http = http;
    this.path = path;
    this.mostBytes = mostBytes;
  }

  @Override
  public byte @Nullable [] read() throws IOException {
    byte[] bytes = http.bytes(http.request("GET", path), mostBytes + 1);
    return bytes.length == 0 ? null : bytes;
  }

  @Override
  public void replace(byte[] bytes) throws IOException {
    http.bytes(http.request("PUT", path, BodyPublishers.ofByteArray(bytes)), 0);
  }
}
