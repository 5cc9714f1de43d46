package io.vmferry.streams.snapshot.remote;

import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.WorkingSet;
import io.vmferry.streams.snapshot.WorkingSetFile;
import io.vmferry.streams.snapshot.store.ChunkHeader;
import io.vmferry.streams.snapshot.store.ChunkName;
import io.vmferry.streams.snapshot.store.ChunkStore;
import io.vmferry.streams.snapshot.store.ManifestFormat;
import io.vmferry.streams.snapshot.store.PackFiles;
import io.vmferry.streams.snapshot.store.SnapshotNames;
import io.vmferry.streams.snapshot.store.StoreUpload;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.TlsIdentity;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.UUID;

/**
 * A store on another host. What goes there is encrypted twice if there is a key: the host sees no
 * more than whoever looks at its disk.
 *
 * <p>A link that is cut is waited for; what was kept by then need not be sent again.
 */
public final class RemoteStore implements ChunkStore {
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private final MigrationUrl.Tcp url;
  private final StoreHttp http;
  private final int chunkBytes;

  private RemoteStore(MigrationUrl.Tcp url, StoreHttp http, int chunkBytes) {
    this.url = url;
    this.http = http;
    this.chunkBytes = chunkBytes;
  }

  /**
   * Opens a store.
   *
   * @param identity of the client's side
   * @throws SnapshotException if it cannot be reached, or the two hosts do not trust each other
   */
  public static RemoteStore open(MigrationUrl.Tcp url, TlsIdentity identity) throws IOException {
    return open(url, identity, PATIENCE);
  }

  /**
   * Opens a store.
   *
   * @param patience how long it may be out of reach later on before a request fails
   */
  public static RemoteStore open(MigrationUrl.Tcp url, TlsIdentity identity, Duration patience)
      throws IOException {
    // One that is not there at first is more likely a wrong address.
    StoreHttp first = new StoreHttp(url, identity, Duration.ZERO);
    int chunkBytes =
        first.json(first.request("GET", ""), StoreProtocol.Description.class).chunkBytes();
    if (!ManifestFormat.isChunkSize(chunkBytes)) {
      throw new SnapshotException("Store " + url + " has chunks of " + chunkBytes + " bytes.");
    }
    return new RemoteStore(url, new StoreHttp(url, identity, patience), chunkBytes);
  }

  @Override
  public String location() {
    return url.toString();
  }

  @Override
  public int chunkBytes() {
    return chunkBytes;
  }

  @Override
  public List<String> names() throws IOException {
    return http.json(http.request("GET", "/snapshots"), StoreProtocol.Names.class).names();
  }

  @Override
  public byte[] manifest(String name) throws IOException {
    return http.bytes(http.request("GET", snapshot(name)), ManifestFormat.MOST_BYTES);
  }

  private static String snapshot(String name) {
    return "/snapshots/" + SnapshotNames.check(name);
  }

  @Override
  public Hold hold(String name) throws IOException {
    return RemoteSession.begin(http, "/holds/" + UUID.randomUUID(), name)::close;
  }

  @Override
  public void read(ChunkName name, ByteBuffer into) throws IOException {
    into.put(http.bytes(http.request("GET", "/chunks/" + name), ChunkHeader.mostBytes(chunkBytes)));
  }

  @Override
  public WorkingSetFile workingSet(UUID generation) {
    return new RemoteWorkingSet(http, "/working-sets/" + generation, WorkingSet.MOST_BYTES);
  }

  @Override
  public PackFiles pack(UUID generation) {
    return new RemotePack(this, http, "/working-sets/" + generation + "/pack");
  }

  @Override
  public StoreUpload begin(String name) throws IOException {
    SnapshotNames.check(name);
    String path = "/uploads/" + UUID.randomUUID();
    return new RemoteUpload(http, RemoteSession.begin(http, path, name), path);
  }

  @Override
  public void remove(String name) throws IOException {
    http.bytes(http.request("DELETE", snapshot(name)), 0);
  }

  @Override
  public Garbage collect(boolean dryRun) throws IOException {
    return http.json(
        http.request("POST", "/gc?dry_run=" + dryRun, BodyPublishers.noBody()), Garbage.class);
  }

  @Override
  public void close() {
    // The client's connections close by themselves when they are idle.
  }
}
