package io.vmferry.daemon.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.snapshot.PackedPages;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.SnapshotMemory;
import io.vmferry.streams.snapshot.Snapshots;
import io.vmferry.streams.snapshot.WorkingSet;
import io.vmferry.streams.snapshot.WorkingSetRecord;
import io.vmferry.streams.snapshot.remote.RemoteStore;
import io.vmferry.streams.snapshot.store.ChunkName;
import io.vmferry.streams.snapshot.store.ChunkStore;
import io.vmferry.streams.snapshot.store.ChunkedReader;
import io.vmferry.streams.snapshot.store.ChunkedWriter;
import io.vmferry.streams.snapshot.store.LocalStore;
import io.vmferry.streams.snapshot.store.StoreCheck;
import io.vmferry.streams.snapshot.store.StoreKey;
import io.vmferry.streams.snapshot.store.StoreUpload;
import io.vmferry.streams.testing.TestAuthority;
import io.vmferry.streams.transfer.Guests;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.TlsIdentity;
import io.vmferry.streams.wire.MemoryRange;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A store that is served over TLS, on loopback. */
@Timeout(120)
class RemoteStoreIT {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @TempDir private Path disk;

  private final Random random = Guests.random("RemoteStoreIT");
  private final TestAuthority authority = new TestAuthority("ours");
  private GuestMemory memory;
  private LocalStore local;
  private Path tls;
  private StoreServer server;

  @BeforeEach
  void serve() throws Exception {
    memory = Guests.threeRegions();
    Guests.fillSome(memory, random, 3);
    local = LocalStore.openOrCreate(disk.resolve("store"));
    tls = authority.fill(Files.createDirectory(disk.resolve("tls")));
    server =
        StoreServer.start(
            local,
            new MigrationUrl.Tcp("127.0.0.1", 0),
            TlsIdentity.load(tls, TlsIdentity.Side.SERVER));
  }

  @AfterEach
  void close() {
    server.close();
    memory.close();
  }

  private RemoteStore open(MigrationUrl.Tcp at) throws IOException {
    return RemoteStore.open(at, TlsIdentity.load(tls, TlsIdentity.Side.CLIENT), PATIENCE);
  }

  private StoreKey key() throws IOException {
    Path file = Files.write(disk.resolve("key"), new byte[32]);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    return StoreKey.load(file);
  }

  @Test
  void pagesThatGuestsDemandAreKeptTogetherThere() throws Exception {
    StoreKey key = key();
    List<String> warnings = new ArrayList<>();
    LongAdder packedBytes = new LongAdder();
    try (RemoteStore store = open(server.address())) {
      write(store, "one", new ChunkedWriter.Options(null, true, key));
      try (ChunkedReader reader = ChunkedReader.open(store, "one", key)) {
        WorkingSetRecord record = WorkingSetRecord.open(reader, memory, true, warnings::add);
        for (long at = 0; at < Guests.LOW_BYTES; at += store.chunkBytes()) {
          record.faulted(new MemoryRange(at, 4096));
        }
        record.keep();
        record.pack(packedBytes::add);
      }
      try (ChunkedReader reader = ChunkedReader.open(store, "one", key);
          SnapshotMemory served = SnapshotMemory.create(reader, PageSize.KIB_4)) {
        PackedPages packed = reader.packedPages();
        assertEquals(packed.pieces().get(0).lengthBytes(), packedBytes.sum());
        assertEquals(1, packed.pieces().size());
        assertEquals(Guests.LOW_BYTES / store.chunkBytes(), packed.pieces().get(0).runs().size());
        served.fill(WorkingSetRecord.open(reader, memory, true, warnings::add));
        assertEquals(MemoryDigest.of(memory), MemoryDigest.of(served.memory()));
      }
    }
    assertEquals(List.of(), warnings);
  }

  @Test
  void aSnapshotGoesThereAndComesBackWhole() throws Exception {
    StoreKey key = key();
    try (RemoteStore store = open(server.address())) {
      write(store, "one", new ChunkedWriter.Options(null, true, key));
      Guests.fillSome(memory, random, 50);
      write(store, "two", new ChunkedWriter.Options("one", true, key));

      assertEquals(List.of("one", "two"), store.names());
      assertEquals(local.names(), store.names());
      StoreCheck check = new StoreCheck(store, key, bytes -> {});
      check.check("two");
      assertEquals(List.of(), check.problems());
      try (ChunkedReader reader = ChunkedReader.open(store, "two", key)) {
        assertEquals(MemoryDigest.of(memory), Snapshots.digest(reader));
        try (SnapshotMemory served = SnapshotMemory.create(reader, PageSize.KIB_4)) {
          served.bring(new MemoryRange(8192, 4096));
          served.fill();
          assertEquals(MemoryDigest.of(memory), MemoryDigest.of(served.memory()));
        }
        assertNull(reader.workingSet().read());
        reader.workingSet().replace(new byte[] {1, 2});
        assertArrayEquals(new byte[] {1, 2}, reader.workingSet().read());
        assertArrayEquals(
            new byte[] {1, 2}, local.workingSet(reader.generation()).read(), "it is there");
        byte[] huge = new byte[WorkingSet.MOST_BYTES + 1];
        assertRefused("has at most", () -> reader.workingSet().replace(huge));
        assertRefused("is being read", () -> store.remove("two"));
      }
      store.remove("one");
      store.remove("two");
      assertTrue(store.collect(true).chunks() > 0);
      assertTrue(store.collect(false).chunks() > 0);
      assertEquals(0, store.collect(false).chunks());
      assertRefused("has no snapshot two", () -> ChunkedReader.open(store, "two", key));
    }
  }

  @Test
  void aLinkThatIsCutAgainAndAgainOnlyTakesLonger() throws Exception {
    try (Cutter cutter = new Cutter(server.address().port(), 3_000_000);
        RemoteStore store = open(cutter.address())) {
      write(store, "one", ChunkedWriter.Options.DEFAULT);

      try (ChunkedReader reader = ChunkedReader.open(store, "one", null)) {
        assertEquals(MemoryDigest.of(memory), Snapshots.digest(reader));
      }
      assertTrue(cutter.cuts() > 2, cutter.cuts() + " cuts");
    }
    assertEquals(1, local.names().size());
    assertEquals(0, local.collect(false).chunks());
  }

  @Test
  void whoIsOfAnotherAuthorityIsRefused() throws Exception {
    tls = new TestAuthority("theirs").fill(Files.createDirectory(disk.resolve("others")));
    assertRefused("do not trust each other", () -> open(server.address()));
    // Ours, but without a certificate that the store would take.
    Path mixed = authority.fill(Files.createDirectory(disk.resolve("mixed")));
    for (String name : List.of("client-cert.pem", "client-key.pem")) {
      Files.write(mixed.resolve(name), Files.readAllBytes(tls.resolve(name)));
    }
    tls = mixed;
    assertRefused("do not trust each other", () -> open(server.address()));
  }

  @Test
  void aStoreThatIsNotThereIsSaidAtOnce() throws Exception {
    MigrationUrl.Tcp address = server.address();
    server.close();
    assertRefused("cannot be reached", () -> open(address));
  }

  @Test
  void whatComesIsCheckedBeforeItIsKept() throws Exception {
    try (RemoteStore store = open(server.address());
        StoreUpload upload = store.begin("s")) {
      ChunkName name = ChunkName.parse("ab".repeat(32));
      assertEquals(Set.of(name), upload.lacking(List.of(name)));
      assertRefused("is none, or damaged", () -> upload.put(name, ByteBuffer.allocateDirect(500)));
      assertRefused("has at most", () -> upload.put(name, ByteBuffer.allocateDirect(1 << 20)));
      assertRefused("manifest of snapshot s", () -> upload.commit(new byte[300]));
    }
    assertEquals(List.of(), local.names());
    try (Stream<Path> staged = Files.list(disk.resolve("store/staging"))) {
      assertEquals(0, staged.count());
    }
  }

  @Test
  void aSnapshotThatLacksAChunkIsRefused() throws Exception {
    try (RemoteStore store = open(server.address())) {
      write(store, "one", ChunkedWriter.Options.DEFAULT);
      byte[] manifest = store.manifest("one");
      store.remove("one");
      store.collect(false);
      try (StoreUpload upload = store.begin("one")) {
        assertRefused("lacks", () -> upload.commit(manifest));
      }
      assertEquals(List.of(), store.names());
    }
  }

  @Test
  void whatADeadClientHadUnderWayIsGivenUp() throws Exception {
    AtomicLong now = new AtomicLong();
    try (StoreSessions sessions = new StoreSessions(local, Duration.ofMinutes(5), now::get)) {
      UUID id = UUID.randomUUID();
      sessions.upload(id, "s");
      sessions.upload(id, "s");
      assertRefused("is being written", () -> local.collect(false));
      now.addAndGet(Duration.ofMinutes(4).toNanos());
      sessions.renew(id);
      now.addAndGet(Duration.ofMinutes(4).toNanos());
      sessions.endDead();
      assertRefused("is being written", () -> local.collect(false));

      now.addAndGet(Duration.ofMinutes(2).toNanos());
      sessions.endDead();

      assertEquals(0, local.collect(false).chunks());
      assertRefused("has given this snapshot up", () -> sessions.renew(id));
    }
  }

  private interface Deed {
    void run() throws Exception;
  }

  private static void assertRefused(String reason, Deed deed) {
    SnapshotException refused = assertThrows(SnapshotException.class, deed::run);
    assertTrue(refused.getMessage().contains(reason), refused::getMessage);
  }

  private void write(ChunkStore store, String name, ChunkedWriter.Options options)
      throws IOException {
    try (ChunkedWriter writer = ChunkedWriter.begin(store, name, options)) {
      Snapshots.write(writer, memory);
    }
  }

  /** Passes connections on and cuts each once so many bytes have gone over it. */
  private static final class Cutter implements AutoCloseable {
    private final ServerSocket listener;
    private final int port;
    private final long bytes;
    private final AtomicLong cuts = new AtomicLong();

    Cutter(int port, long bytes) throws IOException {
      this.port = port;
      this.bytes = bytes;
      this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
      daemon(this::accept);
    }

    MigrationUrl.Tcp address() {
      return new MigrationUrl.Tcp("127.0.0.1", listener.getLocalPort());
    }

    long cuts() {
      return cuts.get();
    }

    private static void daemon(Runnable work) {
      Thread thread = new Thread(work, "cutter");
      thread.setDaemon(true);
      thread.start();
    }

    private void accept() {
      try {
        while (true) {
          Socket from = listener.accept();
          Socket to = new Socket(InetAddress.getLoopbackAddress(), port);
          AtomicLong passed = new AtomicLong();
          daemon(() -> pass(from, to, passed));
          daemon(() -> pass(to, from, passed));
        }
      } catch (IOException e) {
        // Closed.
      }
    }

    private void pass(Socket from, Socket to, AtomicLong passed) {
      byte[] buffer = new byte[16 << 10];
      try (from;
          to) {
        for (int count = from.getInputStream().read(buffer);
            count > 0;
            count = from.getInputStream().read(buffer)) {
          if (passed.addAndGet(count) > bytes) {
            cuts.incrementAndGet();
            return;
          }
          to.getOutputStream().write(buffer, 0, count);
        }
      } catch (IOException e) {
        // One end is gone, and so is the other.
      }
    }

    @Override
    public void close() throws IOException {
      listener.close();
    }
  }
}
