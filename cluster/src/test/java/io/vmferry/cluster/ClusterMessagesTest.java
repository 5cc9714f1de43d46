package io.vmferry.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.cluster.node.NodeAgent;
import io.vmferry.cluster.node.SessionRelay;
import io.vmferry.cluster.node.SessionReport;
import io.vmferry.cluster.node.SessionSide;
import io.vmferry.cluster.orchestrator.MigrationRecord;
import io.vmferry.cluster.orchestrator.Orchestrator;
import io.vmferry.cluster.orchestrator.SendParams;
import io.vmferry.cluster.testing.Samples;
import java.lang.reflect.Modifier;
import java.time.Instant;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterMessagesTest {
  private static final ActorTestKit KIT =
      ActorTestKit.create(
          ClusterConfig.SYSTEM_NAME, ClusterConfig.load(ClusterConfig.node("a", "127.0.0.1", 0)));
  private static final ActorRef<Object> REF = KIT.<Object>createTestProbe().getRef();
  private static final Samples SAMPLES = new Samples(REF, Map.of());

  @AfterAll
  static void shutDown() {
    KIT.shutdownTestKit();
  }

  /** Messages an actor sends itself are not public: they never leave their node. */
  static Stream<Object> messages() {
    return Stream.of(
            NodeAgent.Command.class,
            NodeAgent.StatusReply.class,
            SessionReport.class,
            SessionRelay.Command.class,
            Orchestrator.Command.class,
            Orchestrator.Reply.class)
        .flatMap(protocol -> SAMPLES.allOf(protocol).stream())
        .filter(message -> Modifier.isPublic(message.getClass().getModifiers()));
  }

  @ParameterizedTest
  @MethodSource("messages")
  void everyMessageArrivesAsItWasSent(Object message) {
    assertTrue(message instanceof CborSerializable, message.getClass().getName());
    KIT.serializationTestKit().verifySerialization(message, true);
  }

  @Test
  void everyKindOfMigrationEventArrives() {
    for (Object event : SAMPLES.allOf(MigrationEvent.class)) {
      KIT.serializationTestKit()
          .verifySerialization(
              new SessionReport.Happened(
                  SessionSide.SOURCE,
                  (MigrationEvent) event,
                  KIT.<SessionRelay.Command>createTestProbe().getRef()),
              true);
    }
  }

  @Test
  void aRecordThatKnowsLittleArrives() {
    MigrationRecord record =
        new MigrationRecord(
            "m-1",
            "vm",
            "a",
            "b",
            SendParams.of(MemoryMode.PRECOPY),
            Instant.now(),
            io.vmferry.actors.migration.MigrationPhase.CONNECTING,
            false,
            null,
            null,
            null,
            null,
            null,
            null,
            GuestLocation.UNKNOWN,
            null);
    KIT.serializationTestKit().verifySerialization(new Orchestrator.Described(record), true);
  }

  @Test
  void nodesAreNotDownedWithoutTheSplitBrainResolverAndKeepTheirGuests() {
    var config = KIT.system().settings().config();

    assertEquals(
        "org.apache.pekko.cluster.sbr.SplitBrainResolverProvider",
        config.getString("pekko.cluster.downing-provider-class"));
    assertEquals("off", config.getString("pekko.cluster.run-coordinated-shutdown-when-down"));
    assertEquals("127.0.0.1", config.getString("pekko.remote.artery.canonical.hostname"));
  }

  @Test
  void whatTheCallerDecidesBeatsTheDefaults() {
    var config =
        ClusterConfig.load(
            ConfigFactory.parseString("pekko.cluster.split-brain-resolver.stable-after = 3s"));

    assertEquals(
        3, config.getDuration("pekko.cluster.split-brain-resolver.stable-after").toSeconds());
  }

  @ParameterizedTest
  @ValueSource(strings = {"host", "host:", ":1", "host:0", "host:99999", "host:port", ""})
  void refusesASeedThatIsNoAddress(String seed) {
    var e =
        org.junit.jupiter.api.Assertions.assertThrows(
            IllegalArgumentException.class,
            () -> ClusterNode.join(KIT.system(), java.util.List.of(seed)));

    assertEquals("A seed is host:port, not '" + seed + "'", e.getMessage());
  }
}
