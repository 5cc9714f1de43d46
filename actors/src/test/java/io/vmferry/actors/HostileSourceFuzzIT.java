package io.vmferry.actors;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.migration.SourceChannel;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.streams.snapshot.DirectoryReader;
import io.vmferry.streams.testing.Fuzz;
import io.vmferry.streams.testing.JsonMutator;
import io.vmferry.streams.testing.Mutator;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A host with KVM that receives guests whose configuration and state are almost right: it runs them
 * or says why not, and the fault is never its own.
 */
@RequiresKvm
@Timeout(3600)
class HostileSourceFuzzIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path directory;

  private final TestHost origin = new TestHost(KIT);
  private final TestHost destination = new TestHost(KIT);
  private final AtomicInteger guests = new AtomicInteger();
  private byte[] config;
  private byte[] state;

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @Test
  void aGuestIsTakenOrRefused() throws Exception {
    snapshot();
    assertInstanceOf(MigrationEvent.Finished.class, attempt(config, state, true));
    Fuzz.of(HostileSourceFuzzIT.class, 60)
        .within(Duration.ofMinutes(1))
        .run(
            random -> {
              boolean badConfig = random.nextInt(3) == 0;
              MigrationEvent unused =
                  attempt(
                      badConfig ? new JsonMutator(random).mutate(config) : config,
                      badConfig ? state : badState(random),
                      false);
            });
  }

  @Test
  void aPartOfAnotherSizeIsSaid() throws Exception {
    snapshot();
    JsonNode root = JSON.readTree(state);
    ((ObjectNode) root.path("vmferry").path("vm")).put("CLOCK", new byte[3]);

    assertRefused("state part CLOCK has 3 bytes", root);
  }

  @Test
  void vcpusWithoutAStateAreSaid() throws Exception {
    snapshot();
    JsonNode root = JSON.readTree(state);
    ((ObjectNode) root.path("vmferry")).putArray("vcpus");

    assertRefused("has 0 vCPUs, and the guest's configuration says 1", root);
  }

  private void assertRefused(String reason, JsonNode badState) throws Exception {
    MigrationEvent end = attempt(config, JSON.writeValueAsBytes(badState), false);
    MigrationEvent.Failed failed = assertInstanceOf(MigrationEvent.Failed.class, end);
    assertTrue(failed.failure().reason().contains(reason), failed::toString);
  }

  private MigrationEvent attempt(byte[] sentConfig, byte[] sentState, boolean good)
      throws Exception {
    String name = "guest-" + guests.incrementAndGet();
    TestProbe<MigrationEvent> events = KIT.createTestProbe(MigrationEvent.class);
    ReceiveOptions options =
        new ReceiveOptions("tcp:127.0.0.1:0", MemoryMode.PRECOPY, false, true, name, false, null);
    String url = destination.receive(options, events).url();
    try (SourceChannel source =
        new SourceChannel(MigrationUrl.parse(url), null, PATIENCE, PATIENCE)) {
      source.start(Extensions.NONE);
      source.config(ByteBuffer.wrap(sentConfig));
      sendPage(source.memoryConnections(1).get(0));
      source.state(ByteBuffer.wrap(sentState));
      source.complete(true);
    } catch (IOException e) {
      // Its fault is told below.
      assertFalse(good, e::toString);
    }
    MigrationEvent end = TestHost.ending(events);
    if (end instanceof MigrationEvent.Failed failed) {
      assertNotEquals(FailureCode.INTERNAL, failed.failure().code(), failed::toString);
      assertFalse(
          failed.failure().reason().matches("(?s).*(Exception|out of bounds).*"), failed::toString);
    } else {
      destination.delete(name);
    }
    return end;
  }

  /** Without any the destination would say that the modes differ. */
  private static void sendPage(Connection main) throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(32 + 4096);
    Request.memory(1).encode(frame);
    new MemoryRange(4096, 4096).encode(frame);
    main.writeFully(frame.position(frame.capacity()).flip());
    main.readFully(ByteBuffer.allocate(WireFormat.RESPONSE_BYTES));
  }

  private byte[] badState(Random random) throws IOException {
    if (random.nextInt(3) == 0) {
      return new JsonMutator(random).mutate(state);
    }
    JsonNode root = JSON.readTree(state);
    JsonNode own = root.path("vmferry");
    ObjectNode parts =
        (ObjectNode) (random.nextBoolean() ? own.path("vm") : own.path("vcpus").path(0));
    List<String> names = new ArrayList<>();
    parts.fieldNames().forEachRemaining(names::add);
    String part = names.get(random.nextInt(names.size()));
    byte[] bad = new Mutator(random).mutate(parts.path(part).binaryValue());
    parts.put(part, bad);
    return JSON.writeValueAsBytes(root);
  }

  /** Of a guest that has run. */
  private void snapshot() throws Exception {
    Path kept = origin.snapshotOfNew("kept", directory);
    try (DirectoryReader reader = DirectoryReader.open(kept)) {
      config = reader.config().raw().toArray();
      state = reader.state().toArray();
    }
  }
}
