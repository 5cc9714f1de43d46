package io.vmferry.cluster.orchestrator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.MigrationFailure;
import io.vmferry.actors.migration.MigrationPhase;
import io.vmferry.actors.migration.MigrationProgress;
import io.vmferry.actors.migration.MigrationSummary;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.cluster.node.GuestStatus;
import io.vmferry.cluster.node.Membership;
import io.vmferry.cluster.node.NodeAgent;
import io.vmferry.cluster.node.NodeDirectory;
import io.vmferry.cluster.node.NodeStatus;
import io.vmferry.cluster.node.NodeView;
import io.vmferry.cluster.node.SessionRelay;
import io.vmferry.cluster.node.SessionReport;
import io.vmferry.cluster.node.SessionSide;
import io.vmferry.cluster.testing.MessageWatch;
import io.vmferry.cluster.testing.MessageWatch.Seen;
import io.vmferry.cluster.testing.Samples;
import io.vmferry.cluster.testing.TestNode;
import io.vmferry.cluster.testing.TestSettings;
import io.vmferry.kvm.memory.PageSize;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** Nodes "a" (holds the guest) and "b" are probes; so is the orchestrator. */
class MigrationRunTest {
  private static final ActorTestKit KIT =
      ActorTestKit.create("runs", TestSettings.withoutCluster());
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final Samples SAMPLES = new Samples(KIT.system().deadLetters(), Map.of());
  private static final GuestStatus GUEST =
      new GuestStatus("vm", LifeCycle.RUNNING, 2, 64L << 20, PageSize.KIB_4, "kvm", null);

  /** Waits that no test is to see the end of, unless it says so. */
  private static final String PATIENT =
      "survey-timeout = 1h, start-timeout = 1h, settle-timeout = 1h, cleanup-timeout = 1h";

  private TestProbe<NodeDirectory.Command> directory = KIT.createTestProbe();
  private TestProbe<Orchestrator.Command> orchestrator = KIT.createTestProbe();
  private TestProbe<NodeAgent.Command> source = KIT.createTestProbe();
  private TestProbe<NodeAgent.Command> destination = KIT.createTestProbe();
  private TestProbe<SessionRelay.Command> sourceSession = KIT.createTestProbe();
  private TestProbe<SessionRelay.Command> destinationSession = KIT.createTestProbe();
  private TestProbe<Orchestrator.Reply> requester = KIT.createTestProbe();
  private ActorRef<SessionReport> reports;

  @AfterAll
  static void shutDown() {
    KIT.shutdownTestKit();
  }

  private ActorRef<MigrationRun.Command> listing(TestProbe<Seen> observer, String overrides) {
    directory = KIT.createTestProbe();
    orchestrator = KIT.createTestProbe();
    source = KIT.createTestProbe();
    destination = KIT.createTestProbe();
    sourceSession = KIT.createTestProbe();
    destinationSession = KIT.createTestProbe();
    return KIT.spawn(
        MessageWatch.of(
            MigrationRun.Command.class,
            observer.getRef(),
            MigrationRun.create(
                TestSettings.settings(PATIENT + ", " + overrides),
                "m-1",
                new Orchestrator.Migrate(
                    "vm", "b", SendParams.of(MemoryMode.PRECOPY), requester.getRef()),
                directory.getRef(),
                orchestrator.getRef())));
  }

  private ActorRef<MigrationRun.Command> surveying(
      TestProbe<Seen> observer, String overrides, Membership ofDestination) {
    ActorRef<MigrationRun.Command> run = listing(observer, overrides);
    directory
        .expectMessageClass(NodeDirectory.ListNodes.class, PATIENCE)
        .replyTo()
        .tell(
            new NodeDirectory.Nodes(
                "a",
                "a",
                List.of(
                    view(status("a", source, GUEST), Membership.UP),
                    view(status("b", destination), ofDestination))));
    return run;
  }

  private ActorRef<MigrationRun.Command> surveying(TestProbe<Seen> observer) {
    return surveying(observer, "", Membership.UP);
  }

  private static NodeView view(NodeStatus status, Membership membership) {
    return new NodeView(status, membership, Duration.ZERO, false);
  }

  private static NodeStatus status(
      String name, TestProbe<NodeAgent.Command> agent, GuestStatus... guests) {
    return new NodeStatus(
        name,
        name + ":1",
        name + "#1",
        null,
        TestNode.host("one"),
        List.of(guests),
        1,
        agent.getRef());
  }

  private void answerSurvey(
      String name, TestProbe<NodeAgent.Command> agent, GuestStatus... guests) {
    agent
        .expectMessageClass(NodeAgent.GetStatus.class, PATIENCE)
        .replyTo()
        .tell(new NodeAgent.Status(status(name, agent, guests)));
  }

  private ActorRef<MigrationRun.Command> preparing(TestProbe<Seen> observer, String overrides) {
    ActorRef<MigrationRun.Command> run = surveying(observer, overrides, Membership.UP);
    answerSurvey("a", source, GUEST);
    answerSurvey("b", destination);
    orchestrator.expectMessageClass(Orchestrator.RunAdmitted.class, PATIENCE);
    reports = destination.expectMessageClass(NodeAgent.PrepareReceive.class, PATIENCE).follower();
    return run;
  }

  private void destinationListens() {
    reports.tell(
        new SessionReport.Started(
            SessionSide.DESTINATION, "d-1", "tcp:10.0.0.2:4711", destinationSession.getRef()));
  }

  private void sourceSends() {
    reports.tell(
        new SessionReport.Started(
            SessionSide.SOURCE, "s-1", "tcp:10.0.0.2:4711", sourceSession.getRef()));
  }

  private ActorRef<MigrationRun.Command> asked(TestProbe<Seen> observer, String overrides) {
    ActorRef<MigrationRun.Command> run = preparing(observer, overrides);
    destinationListens();
    assertEquals(
        "tcp:10.0.0.2:4711",
        source.expectMessageClass(NodeAgent.StartSend.class, PATIENCE).options().destinationUrl());
    return run;
  }

  private ActorRef<MigrationRun.Command> moving(TestProbe<Seen> observer, String overrides) {
    ActorRef<MigrationRun.Command> run = asked(observer, overrides);
    sourceSends();
    return run;
  }

  private ActorRef<MigrationRun.Command> moving(String overrides) {
    return moving(KIT.createTestProbe(), overrides);
  }

  private ActorRef<MigrationRun.Command> settling(TestProbe<Seen> observer) {
    ActorRef<MigrationRun.Command> run = moving(observer, "");
    fails(SessionSide.SOURCE, GuestLocation.UNKNOWN);
    sourceSession.expectMessageClass(SessionRelay.Acknowledge.class, PATIENCE);
    return run;
  }

  private void happens(SessionSide side, MigrationEvent event) {
    TestProbe<SessionRelay.Command> session =
        side == SessionSide.SOURCE ? sourceSession : destinationSession;
    reports.tell(new SessionReport.Happened(side, event, session.getRef()));
  }

  private void fails(SessionSide side, GuestLocation location) {
    happens(
        side,
        new MigrationEvent.Failed(
            new MigrationFailure(
                "s-1",
                "vm",
                FailureCode.PEER_LOST,
                MigrationPhase.SWITCHOVER,
                "It did not work.",
                location,
                false)));
  }

  private void finishes(SessionSide side) {
    happens(
        side,
        new MigrationEvent.Finished(
            new MigrationSummary(
                "s-1",
                "vm",
                MemoryMode.PRECOPY,
                "kvm",
                1,
                1,
                1,
                1,
                1,
                1,
                1,
                1,
                0,
                0,
                0,
                0,
                "d",
                false)));
  }

  private void progresses(SessionSide side, MigrationPhase phase) {
    happens(
        side,
        new MigrationEvent.Progressed(
            new MigrationProgress("s-1", "vm", phase, 1, 1, 1, 1, 1, 1, null, null, 0, 0)));
  }

  private MigrationRecord ending() {
    MigrationRecord record;
    do {
      record = orchestrator.expectMessageClass(Orchestrator.RunChanged.class, PATIENCE).record();
    } while (!record.hasEnded());
    return record;
  }

  private void assertEnds(MigrationOutcome outcome, GuestLocation location) {
    MigrationRecord record = ending();
    assertEquals(outcome, record.outcome(), record::toString);
    assertEquals(location, record.guestLocation(), record::toString);
  }

  private void assertFails(FailureCode code, GuestLocation location) {
    MigrationRecord record = ending();
    assertEquals(MigrationOutcome.FAILED, record.outcome(), record::toString);
    assertEquals(location, record.guestLocation(), record::toString);
    MigrationFailure failure = record.failure();
    assertEquals(location, failure.guestLocation(), record::toString);
    assertEquals(code, failure.code(), record::toString);
  }

  private Orchestrator.Refused refused() {
    return orchestrator.expectMessageClass(Orchestrator.RunRefused.class, PATIENCE).refused();
  }

  @Test
  void everyStateNamesEveryMessage() {
    check(o -> listing(o, ""));
    check(this::surveying);
    check(o -> preparing(o, ""));
    check(o -> moving(o, ""));
    check(this::settling);
  }

  private static void check(Function<TestProbe<Seen>, ActorRef<MigrationRun.Command>> inState) {
    MessageWatch.assertEveryMessageIsHandled(KIT, MigrationRun.Command.class, SAMPLES, inState);
  }

  @Test
  void refusesValuesThatDoNotGoTogetherBeforeAnybodyIsAsked() {
    SendParams p = SendParams.of(MemoryMode.PRECOPY);
    KIT.spawn(
        MigrationRun.create(
            TestSettings.settings(PATIENT),
            "m-1",
            new Orchestrator.Migrate(
                "vm",
                "b",
                new SendParams(
                    p.mode(),
                    1_000,
                    p.downtime(),
                    p.timeout(),
                    p.timeoutStrategy(),
                    0,
                    true,
                    p.compression(),
                    true),
                requester.getRef()),
            directory.getRef(),
            orchestrator.getRef()));

    assertEquals(FailureCode.INVALID_REQUEST, refused().code());
    directory.expectNoMessage(Duration.ofMillis(1));
  }

  @Test
  void refusesWhenTheDestinationDoesNotAnswerTheSurvey() {
    surveying(KIT.createTestProbe(), "survey-timeout = 100ms", Membership.UP);
    answerSurvey("a", source, GUEST);

    Orchestrator.Refused refused = refused();

    assertEquals(FailureCode.PEER_UNREACHABLE, refused.code());
    assertEquals("Node b does not answer.", refused.reason());
  }

  @Test
  void refusesANodeThatTheClusterCannotReachWithoutAskingIt() {
    surveying(KIT.createTestProbe(), "", Membership.UNREACHABLE);
    answerSurvey("a", source, GUEST);

    assertEquals(FailureCode.PEER_UNREACHABLE, refused().code());
    destination.expectNoMessage(Duration.ofMillis(1));
  }

  @Test
  void completesWhenBothSidesSaySo() {
    moving("");
    finishes(SessionSide.SOURCE);
    finishes(SessionSide.DESTINATION);

    assertEnds(MigrationOutcome.COMPLETED, GuestLocation.DESTINATION);
  }

  @Test
  void aDestinationThatDoesNotStartLeavesTheGuestOnTheSource() {
    preparing(KIT.createTestProbe(), "start-timeout = 50ms");

    assertFails(FailureCode.PEER_SILENT, GuestLocation.SOURCE);
    source.expectNoMessage(Duration.ofMillis(1));
  }

  @Test
  void aDestinationLostBeforeTheSourceWasAskedLeavesTheGuestThere() {
    preparing(KIT.createTestProbe(), "");

    destination.stop();

    assertFails(FailureCode.PEER_LOST, GuestLocation.SOURCE);
  }

  @Test
  void aDestinationWhoseAddressCannotBeDialledIsGivenUpBeforeTheSourceIsAsked() {
    preparing(KIT.createTestProbe(), "");

    reports.tell(
        new SessionReport.Started(
            SessionSide.DESTINATION, "d-1", "tcp:no port", destinationSession.getRef()));

    destinationSession.expectMessageClass(SessionRelay.Cancel.class, PATIENCE);
    assertFails(FailureCode.ADDRESS_UNUSABLE, GuestLocation.SOURCE);
    source.expectNoMessage(Duration.ofMillis(1));
  }

  @Test
  void aSourceThatWasAskedAndSaysNothingMayHaveSentTheGuest() {
    asked(KIT.createTestProbe(), "start-timeout = 300ms, settle-timeout = 50ms");

    destinationSession.expectMessageClass(SessionRelay.Cancel.class, PATIENCE);
    assertFails(FailureCode.PEER_SILENT, GuestLocation.UNKNOWN);
  }

  @Test
  void aSourceThatStartsAfterAllIsCancelled() {
    asked(KIT.createTestProbe(), "start-timeout = 300ms");
    destinationSession.expectMessageClass(SessionRelay.Cancel.class, PATIENCE);

    sourceSends();

    sourceSession.expectMessageClass(SessionRelay.Cancel.class, PATIENCE);
  }

  @Test
  void aSourceThatRefusesKeepsTheGuestAndTheDestinationIsCleared() {
    asked(KIT.createTestProbe(), "cleanup-timeout = 50ms");

    reports.tell(
        new SessionReport.Refused(
            SessionSide.SOURCE, FailureCode.WRONG_STATE, "The VM is stopped."));

    destinationSession.expectMessageClass(SessionRelay.Cancel.class, PATIENCE);
    assertFails(FailureCode.WRONG_STATE, GuestLocation.SOURCE);
  }

  @Test
  void aSourceLostWhileItSendsIsNotWhereTheGuestIsSaidToBe() {
    moving("");

    source.stop();
    destinationSession.expectMessageClass(SessionRelay.Cancel.class, PATIENCE);
    fails(SessionSide.DESTINATION, GuestLocation.SOURCE);

    assertFails(FailureCode.PEER_LOST, GuestLocation.UNKNOWN);
  }

  @Test
  void aDestinationLostWithoutTheAnswerToCompleteMayRunTheGuest() {
    moving("");

    fails(SessionSide.SOURCE, GuestLocation.UNKNOWN);
    destination.stop();

    assertFails(FailureCode.PEER_LOST, GuestLocation.UNKNOWN);
  }

  @Test
  void aDestinationThatIsSilentAfterALostAnswerMayRunTheGuest() {
    moving("settle-timeout = 50ms");

    fails(SessionSide.SOURCE, GuestLocation.UNKNOWN);

    assertFails(FailureCode.PEER_LOST, GuestLocation.UNKNOWN);
  }

  @Test
  void aDestinationThatWillNotRunTheGuestSettlesALostAnswer() {
    moving("");

    fails(SessionSide.SOURCE, GuestLocation.UNKNOWN);
    fails(SessionSide.DESTINATION, GuestLocation.SOURCE);

    assertFails(FailureCode.PEER_LOST, GuestLocation.SOURCE);
  }

  @Test
  void aDestinationLostInPostcopyHasTheGuest() {
    moving("settle-timeout = 50ms");
    progresses(SessionSide.SOURCE, MigrationPhase.POSTCOPY);

    destination.stop();

    assertFails(FailureCode.PEER_LOST, GuestLocation.DESTINATION);
  }

  @Test
  void aSourceThatSaysItHasAGuestSeenInPostcopyIsNotBelieved() {
    moving("settle-timeout = 50ms, cleanup-timeout = 50ms");
    progresses(SessionSide.DESTINATION, MigrationPhase.POSTCOPY);

    fails(SessionSide.SOURCE, GuestLocation.SOURCE);

    MigrationRecord record = ending();
    assertEquals(GuestLocation.UNKNOWN, record.guestLocation(), record::toString);
    assertTrue(record.failure().reason().contains("do not agree"), record::toString);
  }

  @Test
  void cancelledWhileItPreparesTheSourceIsNeverAsked() {
    ActorRef<MigrationRun.Command> run = preparing(KIT.createTestProbe(), "");

    run.tell(new MigrationRun.Cancel());
    destinationListens();
    destinationSession.expectMessageClass(SessionRelay.Cancel.class, PATIENCE);
    fails(SessionSide.DESTINATION, GuestLocation.SOURCE);

    assertEnds(MigrationOutcome.CANCELLED, GuestLocation.SOURCE);
    source.expectNoMessage(Duration.ofMillis(1));
  }

  @Test
  void cancelledBeforeTheSourceHasStartedItIsCancelledOnceItHas() {
    ActorRef<MigrationRun.Command> run = asked(KIT.createTestProbe(), "");

    run.tell(new MigrationRun.Cancel());
    sourceSends();

    sourceSession.expectMessageClass(SessionRelay.Cancel.class, PATIENCE);
  }

  @Test
  void aSwitchToPostcopyGoesToTheSourceAtOnceOrOnceItHasStarted() {
    ActorRef<MigrationRun.Command> run = asked(KIT.createTestProbe(), "");

    run.tell(new MigrationRun.SwitchToPostcopy());
    sourceSends();
    sourceSession.expectMessageClass(SessionRelay.SwitchToPostcopy.class, PATIENCE);
    run.tell(new MigrationRun.SwitchToPostcopy());

    sourceSession.expectMessageClass(SessionRelay.SwitchToPostcopy.class, PATIENCE);
  }

  @Test
  void cancelledTooLateItGoesOn() {
    ActorRef<MigrationRun.Command> run = moving("");

    run.tell(new MigrationRun.Cancel());
    sourceSession.expectMessageClass(SessionRelay.Cancel.class, PATIENCE);
    reports.tell(
        new SessionReport.CancelRefused(
            SessionSide.SOURCE, FailureCode.WRONG_STATE, "It is too late."));
    finishes(SessionSide.SOURCE);
    finishes(SessionSide.DESTINATION);

    assertEnds(MigrationOutcome.COMPLETED, GuestLocation.DESTINATION);
  }
}
