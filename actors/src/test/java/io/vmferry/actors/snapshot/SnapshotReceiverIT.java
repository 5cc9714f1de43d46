package io.vmferry.actors.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.machine.NotEnoughMemoryException;
import io.vmferry.actors.migration.SourceChannel;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.snapshot.DirectoryReader;
import io.vmferry.streams.snapshot.DirectoryWriter;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Connector;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.PeerRefusedException;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.stream.Materializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a source may do to the daemon that takes its snapshot, over a real UNIX socket. */
@Timeout(60)
class SnapshotReceiverIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final long SLOT_BYTES = 4 << 20;
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @TempDir private Path disk;

  private final Memfd memory = memory(SLOT_BYTES);
  private Listener listener;
  private SnapshotReceiver receiver;
  private CompletableFuture<Void> received;

  @BeforeEach
  void listen() throws Exception {
    listenAt(new MigrationUrl.Unix(disk.resolve("s.sock")));
  }

  private void listenAt(MigrationUrl url) throws Exception {
    listener = Listener.bind(url);
    receiver =
        new SnapshotReceiver(
            DirectoryWriter.begin(disk.resolve("snapshot")), SnapshotProgress.NONE);
    received =
        receiver.receive(listener, Materializer.matFromSystem(KIT.system())).toCompletableFuture();
  }

  @AfterEach
  void close() {
    receiver.close();
    listener.close();
    memory.close();
  }

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @Test
  void aSnapshotIsInItsPlaceBeforeTheSourceHearsSo() throws Exception {
    memory.writeAt(8192, ByteBuffer.allocateDirect(4).putInt(0, 77));
    try (SourceChannel source = source()) {
      source.start(Extensions.known());
      assertEquals(Extensions.NONE, source.agreed());
      source.memoryFd(0, memory.fd());
      source.config(json(config(SLOT_BYTES)));
      source.state(json("{\"state\":1}"));
      assertFalse(Files.exists(disk.resolve("snapshot")));

      source.complete(true);

      try (DirectoryReader reader = DirectoryReader.open(disk.resolve("snapshot"))) {
        assertEquals("{\"state\":1}", reader.state().utf8String());
      }
    }
    received.get(30, TimeUnit.SECONDS);
  }

  @Test
  void aSourceThatGivesUpLeavesNothing() throws Exception {
    try (SourceChannel source = source()) {
      source.start(Extensions.NONE);
      source.memoryFd(0, memory.fd());
      source.config(json(config(SLOT_BYTES)));
      source.abandon(PATIENCE);
      assertNoSnapshot(SnapshotException.class);
    }
  }

  @Test
  void aSourceThatVanishesLeavesNothing() throws Exception {
    try (SourceChannel source = source()) {
      source.start(Extensions.NONE);
      source.memoryFd(0, memory.fd());
      source.config(json(config(SLOT_BYTES)));
      source.state(json("{}"));
    }
    assertNoSnapshot(IOException.class);
  }

  @Test
  void refusesASlotWithoutMemoryOrWithTooLittle() throws Exception {
    try (SourceChannel source = source()) {
      source.start(Extensions.NONE);
      source.memoryFd(0, memory.fd());
      assertThrows(
          PeerRefusedException.class, () -> source.config(json(config(SLOT_BYTES + 4096))));
      assertNoSnapshot(ProtocolException.class);
    }
  }

  @Test
  void aFileThatShrinksAfterItWasCheckedMakesNoSnapshot() throws Exception {
    try (SourceChannel source = source()) {
      source.start(Extensions.NONE);
      source.memoryFd(0, memory.fd());
      source.config(json(config(SLOT_BYTES)));
      source.state(json("{}"));
      Path file = Path.of("/proc/self/fd", Integer.toString(memory.fd().raw()));
      try (FileChannel shrinking = FileChannel.open(file, StandardOpenOption.WRITE)) {
        shrinking.truncate(SLOT_BYTES / 2);
      }

      assertThrows(PeerRefusedException.class, () -> source.complete(true));
      assertNoSnapshot(SnapshotException.class);
    }
  }

  @Test
  void refusesAGuestThatThisHostHasNoRoomFor() throws Exception {
    close();
    listenAt(MigrationUrl.parse("tcp:127.0.0.1:0"));
    try (SourceChannel source = source()) {
      source.start(Extensions.NONE);
      assertThrows(PeerRefusedException.class, () -> source.config(json(config(1L << 44))));
      assertNoSnapshot(NotEnoughMemoryException.class);
    }
  }

  @Test
  void refusesASlotThatNobodyHandedOver() throws Exception {
    try (SourceChannel source = source()) {
      source.start(Extensions.NONE);
      source.memoryFd(7, memory.fd());
      assertThrows(PeerRefusedException.class, () -> source.config(json(config(SLOT_BYTES))));
      assertNoSnapshot(ProtocolException.class);
    }
  }

  @Test
  void refusesASlotTwice() throws Exception {
    try (SourceChannel source = source()) {
      source.start(Extensions.NONE);
      source.memoryFd(0, memory.fd());
      assertThrows(PeerRefusedException.class, () -> source.memoryFd(0, memory.fd()));
      assertNoSnapshot(ProtocolException.class);
    }
  }

  @Test
  void refusesAConfigurationThatIsNone() throws Exception {
    try (SourceChannel source = source()) {
      source.start(Extensions.NONE);
      source.memoryFd(0, memory.fd());
      assertThrows(PeerRefusedException.class, () -> source.config(json("{\"memory\":")));
      assertNoSnapshot(ProtocolException.class);
    }
  }

  @Test
  void refusesEveryFrameThatIsOutOfTurnOrTooLong() throws Exception {
    assertRefusedFirst(Request.of(Command.CONFIG, 10));
    for (Request bad :
        List.of(
            Request.of(Command.STATE, 10),
            Request.of(Command.COMPLETE),
            Request.memory(1),
            Request.pageFault(),
            Request.of(Command.CONFIG, 1L << 60),
            Request.of(Command.CONFIG, -1))) {
      close();
      listen();
      assertRefusedFirst(Request.start(Extensions.NONE), bad);
    }
  }

  /** The last of the requests is refused, without its payload. */
  private void assertRefusedFirst(Request... requests) throws Exception {
    try (Connection raw = Connector.connect(listener.url(), PATIENCE)) {
      raw.setReadTimeout(PATIENCE);
      for (int i = 0; i < requests.length; i++) {
        ByteBuffer frame = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES);
        requests[i].encode(frame);
        raw.writeFully(frame.flip());
        ByteBuffer answer = ByteBuffer.allocateDirect(WireFormat.RESPONSE_BYTES);
        raw.readFully(answer);
        assertEquals(i < requests.length - 1, Response.decode(answer.flip()).isOk());
      }
      assertNoSnapshot(ProtocolException.class);
    }
  }

  private void assertNoSnapshot(Class<? extends Exception> why) throws Exception {
    ExecutionException failed =
        assertThrows(ExecutionException.class, () -> received.get(30, TimeUnit.SECONDS));
    assertInstanceOf(why, failed.getCause());
    receiver.close();
    try (Stream<Path> left = Files.list(disk)) {
      assertTrue(
          left.allMatch(path -> path.getFileName().toString().startsWith("s.sock")),
          "something is left");
    }
  }

  private SourceChannel source() {
    return new SourceChannel(listener.url(), null, PATIENCE, PATIENCE);
  }

  private static Memfd memory(long bytes) {
    try {
      return Memfd.create("test", bytes, PageSize.KIB_4);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ByteBuffer json(String text) {
    ByteBuffer bytes = ByteBuffer.allocateDirect(text.length());
    return bytes.put(text.getBytes(StandardCharsets.UTF_8)).flip();
  }

  private static String config(long slotBytes) {
    return String.format(
        "{\"vm_config\":{},\"memory_manager_data\":{\"guest_ram_mappings\":[{\"slot\":0,\"gpa\":0,"
            + "\"size\":%d,\"zone_id\":\"mem0\",\"virtio_mem\":false,\"file_offset\":0}]}}",
        slotBytes);
  }
}
