package io.vmferry.cluster.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.vmferry.actors.VmHost;
import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.MigrationFailure;
import io.vmferry.actors.migration.MigrationPhase;
import io.vmferry.actors.migration.MigrationProgress;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.cluster.testing.MessageWatch;
import io.vmferry.cluster.testing.MessageWatch.Seen;
import io.vmferry.cluster.testing.Samples;
import io.vmferry.cluster.testing.TestSettings;
import java.time.Duration;
import java.util.Map;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class SessionRelayTest {
  private static final ActorTestKit KIT =
      ActorTestKit.create("relays", TestSettings.withoutCluster());
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final Samples SAMPLES = new Samples(KIT.system().deadLetters(), Map.of());
  private static final MigrationEvent ENDING =
      new MigrationEvent.Failed(
          new MigrationFailure(
              "s-1",
              "vm",
              FailureCode.PEER_LOST,
              MigrationPhase.PRECOPY,
              "It did not work.",
              GuestLocation.SOURCE,
              false));

  private TestProbe<VmHost.Command> host;
  private TestProbe<SessionReport> follower;
  private TestProbe<NodeAgent.Command> agent;
  private VmHost.SendVm asked;

  @AfterAll
  static void shutDown() {
    KIT.shutdownTestKit();
  }

  private ActorRef<SessionRelay.Command> starting(TestProbe<Seen> observer, String overrides) {
    host = KIT.createTestProbe();
    follower = KIT.createTestProbe();
    agent = KIT.createTestProbe();
    ActorRef<SessionRelay.Command> relay =
        KIT.spawn(
            MessageWatch.of(
                SessionRelay.Command.class,
                observer.getRef(),
                SessionRelay.create(
                    TestSettings.settings(overrides),
                    SessionSide.SOURCE,
                    host.getRef(),
                    follower.getRef(),
                    url -> url,
                    agent.getRef(),
                    (events, replies) ->
                        new VmHost.SendVm(
                            "vm",
                            SendOptions.to("tcp:127.0.0.1:1", MemoryMode.PRECOPY).build(),
                            events,
                            replies))));
    asked = host.expectMessageClass(VmHost.SendVm.class, PATIENCE);
    return relay;
  }

  private ActorRef<SessionRelay.Command> starting() {
    return starting(KIT.createTestProbe(), "");
  }

  private void answerStart() {
    asked.replyTo().tell(new VmHost.MigrationStarted("s-1", "tcp:127.0.0.1:1"));
  }

  private ActorRef<SessionRelay.Command> running(TestProbe<Seen> observer) {
    ActorRef<SessionRelay.Command> relay = starting(observer, "");
    answerStart();
    report(SessionReport.Started.class);
    return relay;
  }

  private ActorRef<SessionRelay.Command> ended(TestProbe<Seen> observer) {
    ActorRef<SessionRelay.Command> relay = running(observer);
    asked.follower().tell(ENDING);
    report(SessionReport.Happened.class);
    return relay;
  }

  private <T extends SessionReport> T report(Class<T> type) {
    return follower.expectMessageClass(type, PATIENCE);
  }

  private static MigrationFailure failure(SessionReport.Happened report) {
    return assertInstanceOf(MigrationEvent.Failed.class, report.event()).failure();
  }

  private static MigrationEvent progress(MigrationPhase phase) {
    return new MigrationEvent.Progressed(
        new MigrationProgress("s-1", "vm", phase, 1, 1, 1, 1, 1, 1, null, null, 0, 0));
  }

  private String cancelledSession() {
    return host.expectMessageClass(VmHost.CancelMigration.class, PATIENCE).migrationId();
  }

  @Test
  void everyStateNamesEveryMessage() {
    MessageWatch.assertEveryMessageIsHandled(
        KIT, SessionRelay.Command.class, SAMPLES, o -> starting(o, ""));
    MessageWatch.assertEveryMessageIsHandled(
        KIT, SessionRelay.Command.class, SAMPLES, this::running);
    MessageWatch.assertEveryMessageIsHandled(KIT, SessionRelay.Command.class, SAMPLES, this::ended);
    MessageWatch.assertEveryMessageIsHandled(
        KIT, SessionRelay.Command.class, SAMPLES, this::orphaned);
  }

  private ActorRef<SessionRelay.Command> orphaned(TestProbe<Seen> observer) {
    ActorRef<SessionRelay.Command> relay = starting(observer, "");
    SessionRelay.Command lost = new SessionRelay.FollowerLost();
    relay.tell(lost);
    MessageWatch.wasHandled(observer, lost);
    return relay;
  }

  @Test
  void tellsTheEndingAgainUntilItIsAcknowledged() {
    ActorRef<SessionRelay.Command> relay = ended(KIT.createTestProbe());

    assertSame(ENDING, report(SessionReport.Happened.class).event());
    assertSame(ENDING, report(SessionReport.Happened.class).event());
    relay.tell(new SessionRelay.Acknowledge());

    follower.expectTerminated(relay, PATIENCE);
  }

  @Test
  void aRefusalOfTheHostIsARefusal() {
    ActorRef<SessionRelay.Command> relay = starting();

    asked.replyTo().tell(new VmHost.Rejected(FailureCode.WRONG_STATE, "It is not running."));

    assertEquals(FailureCode.WRONG_STATE, report(SessionReport.Refused.class).code());
    follower.expectTerminated(relay, PATIENCE);
  }

  @Test
  void passesACancellationOnThatCameBeforeTheHostsAnswer() {
    starting().tell(new SessionRelay.Cancel());

    answerStart();

    assertEquals("s-1", cancelledSession());
  }

  @Test
  void saysThatACancellationCameTooLate() {
    running(KIT.createTestProbe()).tell(new SessionRelay.Cancel());
    host.expectMessageClass(VmHost.CancelMigration.class, PATIENCE)
        .replyTo()
        .tell(new VmHost.Rejected(FailureCode.WRONG_STATE, "It is too late."));

    assertEquals("It is too late.", report(SessionReport.CancelRefused.class).reason());
  }

  @Test
  void passesASwitchToPostcopyOn() {
    running(KIT.createTestProbe()).tell(new SessionRelay.SwitchToPostcopy());

    assertEquals(
        "s-1", host.expectMessageClass(VmHost.SwitchToPostcopy.class, PATIENCE).migrationId());
  }

  @Test
  void aHostThatDoesNotAnswerMayHaveStartedAllTheSame() {
    starting(KIT.createTestProbe(), "host-timeout = 50ms");

    assertEquals(
        GuestLocation.UNKNOWN, failure(report(SessionReport.Happened.class)).guestLocation());
    answerStart();
    assertEquals("s-1", cancelledSession());
  }

  @Test
  void aHostThatStopsDoesNotTellWhereTheGuestIs() {
    running(KIT.createTestProbe());

    host.stop();

    assertEquals(
        GuestLocation.UNKNOWN, failure(report(SessionReport.Happened.class)).guestLocation());
  }

  @Test
  void cancelsASessionThatWaitsForItsPeerWhenNobodyFollows() {
    running(KIT.createTestProbe());

    follower.stop();

    assertEquals("s-1", cancelledSession());
  }

  @Test
  void letsAGuestThatMovesArriveWhenNobodyFollows() {
    ActorRef<SessionRelay.Command> relay = running(KIT.createTestProbe());
    asked.follower().tell(progress(MigrationPhase.PRECOPY));
    report(SessionReport.Happened.class);

    follower.stop();
    asked.follower().tell(ENDING);

    agent.expectTerminated(relay, PATIENCE);
    host.expectNoMessage(Duration.ofMillis(1));
  }
}
