package io.vmferry.daemon.store;

import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.store.ChunkStore;
import io.vmferry.streams.snapshot.store.StoreUpload;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What clients of a store have under way: snapshots that they write and such that they keep from
 * being removed. A client that says nothing for a while is dead.
 *
 * <p>Thread-safe.
 */
final class StoreSessions implements AutoCloseable {
  /** Each upload has a descriptor or two and a directory. */
  static final int MOST = 64;

  private final ChunkStore store;
  private final long lifeNanos;
  private final LongSupplier clock;
  private final Map<UUID, Session> sessions = new HashMap<>();

  StoreSessions(ChunkStore store, Duration life, LongSupplier nanoClock) {
    this.store = store;
    this.lifeNanos = life.toNanos();
    this.clock = nanoClock;
  }

  /** One of them; what it has is closed with it. */
  private static final class Session {
    private final String name;
    private final AutoCloseable what;
    private final @Nullable StoreUpload upload;
    private volatile long lastNanos;
    // A client whose answer was lost asks again.
    private volatile boolean committed;

    Session(String name, AutoCloseable what, @Nullable StoreUpload upload) {
      this.name = name;
      this.what = what;
      this.upload = upload;
    }
  }

  /** Begins an upload, unless it has begun. */
  void upload(UUID id, String name) throws IOException {
    begin(id, name, true);
  }

  /** Begins to hold a snapshot, unless it is held. */
  void hold(UUID id, String name) throws IOException {
    begin(id, name, false);
  }

  private synchronized void begin(UUID id, String name, boolean isUpload) throws IOException {
    if (sessions.containsKey(id)) {
      return;
    }
    if (sessions.size() >= MOST) {
      throw new SnapshotException(
          "The store serves " + MOST + " clients already; try again later.");
    }
    Session session;
    if (isUpload) {
      StoreUpload upload = store.begin(name);
      session = new Session(name, upload, upload);
    } else {
      session = new Session(name, store.hold(name), null);
    }
    session.lastNanos = clock.getAsLong();
    sessions.put(id, session);
  }

  /** The client lives. */
  void renew(UUID id) throws SnapshotException {
    session(id);
  }

  private synchronized Session session(UUID id) throws SnapshotException {
    Session session = sessions.get(id);
    if (session == null) {
      throw new SnapshotException(
          "The store has given this snapshot up: it has heard nothing for too long, or was"
              + " restarted.");
    }
    session.lastNanos = clock.getAsLong();
    return session;
  }

  /** The upload under way. */
  StoreUpload uploadOf(UUID id) throws SnapshotException {
    StoreUpload upload = session(id).upload;
    if (upload == null) {
      throw new SnapshotException("This session writes no snapshot.");
    }
    return upload;
  }

  /** What the upload will be called. */
  String nameOf(UUID id) throws SnapshotException {
    return session(id).name;
  }

  /** Commits an upload, once. */
  void commit(UUID id, byte[] manifest) throws IOException {
    StoreUpload upload = uploadOf(id);
    Session session = session(id);
    synchronized (session) {
      if (!session.committed) {
        upload.commit(manifest);
        session.committed = true;
      }
    }
  }

  /** Ends a session; harmless if there is none. */
  void end(UUID id) {
    Session ended;
    synchronized (this) {
      ended = sessions.remove(id);
    }
    if (ended != null) {
      close(ended);
    }
  }

  /** Ends sessions whose clients are dead. */
  void endDead() {
    List<UUID> dead = new ArrayList<>();
    synchronized (this) {
      for (Map.Entry<UUID, Session> session : sessions.entrySet()) {
        if (clock.getAsLong() - session.getValue().lastNanos > lifeNanos) {
          dead.add(session.getKey());
        }
      }
    }
    dead.forEach(this::end);
  }

  private static void close(Session session) {
    try {
      session.what.close();
    } catch (Exception e) {
      throw new IllegalStateException("neither an upload nor a hold throws when it closes", e);
    }
  }

  @Override
  public void close() {
    List<UUID> all;
    synchronized (this) {
      all = new ArrayList<>(sessions.keySet());
    }
    all.forEach(this::end);
  }
}
