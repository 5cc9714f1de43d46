package io.vmferry.streams.snapshot.remote;

import io.vmferry.streams.snapshot.WorkingSet;
import io.vmferry.streams.snapshot.WorkingSetFile;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A working set in a remote store. An empty answer says that there is none. */
final class RemoteWorkingSet implements WorkingSetFile {
  private final StoreHttp http;
  private final String path;

  RemoteWorkingSet(StoreHttp http, UUID generation) {
    this.http = http;
    this.path = "/working-sets/" + generation;
  }

  @Override
  public byte @Nullable [] read() throws IOException {
    byte[] bytes = http.bytes(http.request("GET", path), WorkingSet.MOST_BYTES + 1);
    return bytes.length == 0 ? null : bytes;
  }

  @Override
  public void replace(byte[] bytes) throws IOException {
    http.bytes(http.request("PUT", path, BodyPublishers.ofByteArray(bytes)), 0);
  }
}
