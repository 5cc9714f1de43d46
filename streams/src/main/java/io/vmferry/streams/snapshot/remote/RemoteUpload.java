package io.vmferry.streams.snapshot.remote;

import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.store.ChunkName;
import io.vmferry.streams.snapshot.store.StoreUpload;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** A snapshot on its way into a remote store: nothing of it touches this host's disk. */
final class RemoteUpload implements StoreUpload {
  private final StoreHttp http;
  private final RemoteSession session;
  private final String path;
  private volatile boolean ended;

  RemoteUpload(StoreHttp http, RemoteSession session, String path) {
    this.http = http;
    this.session = session;
    this.path = path;
  }

  @Override
  public Set<ChunkName> lacking(Collection<ChunkName> names) throws IOException {
    Set<ChunkName> lacking = new HashSet<>();
    List<ChunkName> all = new ArrayList<>(names);
    for (int i = 0; i < all.size(); i += StoreProtocol.NAMES) {
      lacking.addAll(ask(all.subList(i, Math.min(all.size(), i + StoreProtocol.NAMES))));
    }
    return lacking;
  }

  private Set<ChunkName> ask(List<ChunkName> names) throws IOException {
    requireOpen();
    ByteBuffer question = ByteBuffer.allocate(names.size() * ChunkName.BYTES);
    names.forEach(name -> name.put(question));
    byte[] answer =
        http.bytes(
            http.request("POST", path + "/lacking", BodyPublishers.ofByteArray(question.array())),
            question.capacity());
    if (answer.length % ChunkName.BYTES != 0) {
      throw new SnapshotException("The store answers with half a chunk's name.");
    }
    Set<ChunkName> lacking = new HashSet<>();
    for (ByteBuffer in = ByteBuffer.wrap(answer); in.hasRemaining(); ) {
      lacking.add(ChunkName.get(in));
    }
    lacking.retainAll(names);
    return lacking;
  }

  private void requireOpen() throws SnapshotException {
    if (ended) {
      throw new SnapshotException("The snapshot was given up.");
    }
  }

  @Override
  public long put(ChunkName name, ByteBuffer file) throws IOException {
    requireOpen();
    return http.json(http.request("PUT", path + "/chunks/" + name, file), StoreProtocol.Kept.class)
        .bytes();
  }

  @Override
  public void commit(byte[] manifest) throws IOException {
    requireOpen();
    http.bytes(http.request("POST", path + "/commit", BodyPublishers.ofByteArray(manifest)), 0);
    ended = true;
    session.close();
  }

  @Override
  public synchronized void close() {
    if (!ended) {
      ended = true;
      session.close();
    }
  }
}
