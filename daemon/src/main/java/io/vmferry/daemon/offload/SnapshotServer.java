package io.vmferry.daemon.offload;

import io.micrometer.core.instrument.MeterRegistry;
import io.vmferry.actors.migration.Failures;
import io.vmferry.actors.snapshot.SnapshotProgress;
import io.vmferry.actors.snapshot.SnapshotReceiver;
import io.vmferry.kvm.sandbox.SeccompMode;
import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.snapshot.SnapshotWriter;
import io.vmferry.streams.transport.Connection;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.stream.Materializer;
import org.jspecify.annotations.Nullable;

/**
 * Takes a snapshot of every VMM that comes to one UNIX socket, many at once. Each is whole or not
 * there, as one that is taken alone; one that fails disturbs no other.
 */
public final class SnapshotServer implements AutoCloseable {
  private static final int MAX_AT_ONCE = 128;
  private static final Duration RETRY_ACCEPT = Duration.ofMillis(100);

  private final OffloadSocket socket;
  private final Places places;
  private final Follower follower;
  private final OffloadMetrics metrics;
  private final ServedNames names;
  private final ActorSystem system;
  private final Set<Session> sessions = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  /** Hears of every snapshot; called on the threads that do the work. */
  public interface Follower {
    /**
     * A VMM sends a guest.
     *
     * @param name of the snapshot
     */
    SnapshotProgress begins(String name);

    /** One is whole, durable and in its place. */
    void taken(Taken snapshot);

    /**
     * There is none.
     *
     * @param name null if no guest was named yet
     * @param sentence for the user
     */
    void failed(@Nullable String name, String sentence);
  }

  /**
   * A snapshot that is in its place.
   *
   * @param memoryBytes size of the guest's memory
   * @param storedBytes bytes it takes there
   */
  public record Taken(
      String name, SnapshotPlace place, long memoryBytes, long storedBytes, Duration after) {}

  /** Where snapshots go. */
  public interface Places {
    /** The place of a snapshot of that name. */
    SnapshotPlace place(String name);

    /** Whether there is one already. */
    boolean isTaken(String name);

    /** Begins a snapshot there. */
    SnapshotPlace.Opened<SnapshotWriter> open(SnapshotPlace place) throws IOException;
  }

  /**
   * A server; {@link #run} serves.
   *
   * @param socket a UNIX socket; closed with this
   * @param registry where it counts
   * @param seccomp fences in who hears the VMMs
   */
  public SnapshotServer(
      OffloadSocket socket,
      Places places,
      Follower follower,
      MeterRegistry registry,
      SeccompMode seccomp) {
    this.socket = socket;
    this.places = places;
    this.follower = follower;
    this.metrics = new OffloadMetrics(registry);
    this.names = new ServedNames(InstantSource.system(), places::isTaken);
    this.system = OffloadSystem.create(seccomp);
  }

  /** Serves until it is closed; blocks. */
  public void run() throws InterruptedException {
    Materializer materializer = Materializer.matFromSystem(system);
    while (!closed) {
      try {
        welcome(socket.listener().accept(), materializer);
      } catch (IOException e) {
        if (!closed) {
          follower.failed(null, "The socket took no connection: " + Failures.sentence(e));
          TimeUnit.MILLISECONDS.sleep(RETRY_ACCEPT.toMillis());
        }
      }
    }
  }

  private void welcome(Connection connection, Materializer materializer) {
    if (sessions.size() >= MAX_AT_ONCE) {
      connection.close();
      follower.failed(null, "A VMM was refused: " + MAX_AT_ONCE + " snapshots are under way.");
      return;
    }
    Session session = new Session(connection);
    sessions.add(session);
    metrics.begins();
    session.receive(materializer);
    if (closed) {
      session.close();
    }
  }

  /** One VMM. */
  private final class Session implements SnapshotProgress {
    private final Connection connection;
    private final ArrivingSnapshot snapshot = new ArrivingSnapshot(this::begin);
    private final SnapshotReceiver receiver = new SnapshotReceiver(snapshot, this);
    private final long startNanos = System.nanoTime();
    // Of the connection's thread, which also ends the session.
    private volatile SnapshotProgress progress = SnapshotProgress.NONE;
    private volatile @Nullable String name;
    private volatile @Nullable SnapshotPlace place;
    private volatile long memoryBytes;

    Session(Connection connection) {
      this.connection = connection;
    }

    void receive(Materializer materializer) {
      receiver
          .receive(connection, materializer)
          .whenComplete(
              (done, failure) -> {
                try {
                  report(failure);
                } finally {
                  close();
                  sessions.remove(this);
                }
              });
    }

    private SnapshotPlace.Opened<SnapshotWriter> begin(VmMigrationConfig guest) throws IOException {
      String chosen = names.next(guest);
      SnapshotPlace target = places.place(chosen);
      name = chosen;
      place = target;
      progress = follower.begins(chosen);
      return places.open(target);
    }

    private void report(@Nullable Throwable failure) {
      String named = name;
      SnapshotPlace target = place;
      if (failure == null && named != null && target != null) {
        Duration after = Duration.ofNanos(System.nanoTime() - startNanos);
        metrics.taken(memoryBytes, snapshot.storedBytes(), after);
        follower.taken(new Taken(named, target, memoryBytes, snapshot.storedBytes(), after));
      } else {
        metrics.failed();
        follower.failed(named, failure == null ? "No guest came." : Failures.sentence(failure));
      }
    }

    @Override
    public void begins(long bytes) {
      memoryBytes = bytes;
      progress.begins(bytes);
    }

    @Override
    public void done(long bytes) {
      progress.done(bytes);
    }

    void close() {
      connection.close();
      receiver.close();
    }
  }

  /** Stops; snapshots under way are given up, and what was written of them is removed. */
  @Override
  public void close() throws IOException {
    closed = true;
    socket.close();
    sessions.forEach(Session::close);
    system.terminate();
  }
}
