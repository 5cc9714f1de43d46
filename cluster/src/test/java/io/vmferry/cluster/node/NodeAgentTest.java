package io.vmferry.cluster.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.vmferry.actors.VmHost;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.actors.vm.VmInfo;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.cluster.testing.MessageWatch;
import io.vmferry.cluster.testing.MessageWatch.Seen;
import io.vmferry.cluster.testing.Samples;
import io.vmferry.cluster.testing.TestNode;
import io.vmferry.cluster.testing.TestSettings;
import io.vmferry.kvm.memory.PageSize;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class NodeAgentTest {
  private static final ActorTestKit KIT =
      ActorTestKit.create("agents", TestSettings.withoutCluster());
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final String SELDOM = "refresh-interval = 1h, publish-interval = 1h";
  private static final VmInfo GUEST =
      new VmInfo(
          new VmSpec("vm", 2, 64L << 20, PageSize.KIB_4, GuestSource.Idle.empty()),
          LifeCycle.RUNNING,
          "kvm",
          null,
          null,
          null);

  private final TestProbe<VmHost.Command> host = KIT.createTestProbe();
  private final TestProbe<NodeDirectory.Command> directory = KIT.createTestProbe();
  private final TestProbe<NodeAgent.StatusReply> asker = KIT.createTestProbe();

  @AfterAll
  static void shutDown() {
    KIT.shutdownTestKit();
  }

  private ActorRef<NodeAgent.Command> agent(
      TestProbe<Seen> observer, HostFacts facts, String overrides) {
    return KIT.spawn(
        MessageWatch.of(
            NodeAgent.Command.class,
            observer.getRef(),
            NodeAgent.create(
                TestSettings.settings(overrides),
                "127.0.0.1:1",
                "a#1",
                facts,
                host.getRef(),
                directory.getRef())));
  }

  private ActorRef<NodeAgent.Command> agent(String overrides) {
    return agent(KIT.createTestProbe(), () -> TestNode.host("one"), overrides);
  }

  private void hostLists(VmInfo... guests) {
    host.expectMessageClass(VmHost.ListVms.class, PATIENCE)
        .replyTo()
        .tell(new VmHost.Listed(List.of(guests)));
  }

  private NodeStatus published() {
    return directory.expectMessageClass(NodeDirectory.Publish.class, PATIENCE).status();
  }

  @Test
  void namesEveryMessage() {
    MessageWatch.assertEveryMessageIsHandled(
        KIT,
        NodeAgent.Command.class,
        new Samples(KIT.system().deadLetters(), Map.of()),
        observer -> agent(observer, () -> TestNode.host("one"), SELDOM));
  }

  @Test
  void publishesWhatTheHostHoldsAndCanTake() {
    agent(SELDOM);
    hostLists(GUEST);

    NodeStatus status = published();

    assertEquals(TestNode.host("one"), status.host());
    assertEquals(List.of(GuestStatus.of(GUEST)), status.guests());
    assertNull(status.httpUrl());
  }

  @Test
  void publishesAChangeAtOnceAndNothingTwice() {
    ActorRef<NodeAgent.Command> agent = agent(SELDOM);
    hostLists();
    long first = published().sequence();

    agent.tell(new NodeAgent.Refresh());
    hostLists();
    directory.expectNoMessage();
    agent.tell(new NodeAgent.Refresh());
    hostLists(GUEST);

    NodeStatus next = published();
    assertEquals(1, next.guests().size());
    assertEquals(first + 2, next.sequence());
  }

  @Test
  void anAnswerThatIsOvertakenByALaterOneIsNotPublished() {
    ActorRef<NodeAgent.Command> agent = agent(SELDOM);
    hostLists();
    published();
    agent.tell(new NodeAgent.Refresh());
    agent.tell(new NodeAgent.GetStatus(asker.getRef()));
    VmHost.ListVms earlier = host.expectMessageClass(VmHost.ListVms.class, PATIENCE);
    hostLists(GUEST);
    assertEquals(1, published().guests().size());
    asker.expectMessageClass(NodeAgent.Status.class, PATIENCE);

    earlier.replyTo().tell(new VmHost.Listed(List.of()));

    directory.expectNoMessage();
  }

  @Test
  void publishesWhereItsRoutesListen() {
    ActorRef<NodeAgent.Command> agent = agent(SELDOM);
    hostLists();
    published();

    agent.tell(new NodeAgent.AnnounceHttp("http://127.0.0.1:8700"));
    hostLists();

    assertEquals("http://127.0.0.1:8700", published().httpUrl());
  }

  @Test
  void asksTheHostAfreshForWhoeverAsks() {
    ActorRef<NodeAgent.Command> agent = agent(SELDOM);
    hostLists();

    agent.tell(new NodeAgent.GetStatus(asker.getRef()));
    hostLists(GUEST);

    NodeStatus now = asker.expectMessageClass(NodeAgent.Status.class, PATIENCE).status();
    assertEquals(LifeCycle.RUNNING, Objects.requireNonNull(now.guest("vm")).lifeCycle());
  }

  @Test
  void saysSoWhenItsHostDoesNotAnswer() {
    agent(SELDOM + ", host-timeout = 50ms").tell(new NodeAgent.GetStatus(asker.getRef()));

    asker.expectMessageClass(NodeAgent.StatusUnavailable.class, PATIENCE);
    directory.expectNoMessage(Duration.ofMillis(1));
  }

  @Test
  void saysSoWhenItCannotTellItsCapacity() {
    ActorRef<NodeAgent.Command> agent =
        agent(
            KIT.createTestProbe(),
            () -> {
              throw new IOException("no /proc here");
            },
            SELDOM);
    hostLists();
    agent.tell(new NodeAgent.GetStatus(asker.getRef()));
    hostLists();

    asker.expectMessageClass(NodeAgent.StatusUnavailable.class, PATIENCE);
    directory.expectNoMessage(Duration.ofMillis(1));
  }

  @Test
  void refusesALocalMigrationWhoseSocketCannotBe() {
    TestProbe<SessionReport> follower = KIT.createTestProbe();
    String tooLong = "/" + "x".repeat(200);

    agent(SELDOM + ", run-directory = \"" + tooLong + "\"")
        .tell(new NodeAgent.PrepareReceive("vm", MemoryMode.LOCAL, true, follower.getRef()));

    SessionReport.Refused refused =
        follower.expectMessageClass(SessionReport.Refused.class, PATIENCE);
    assertEquals(FailureCode.ADDRESS_UNUSABLE, refused.code());
    assertEquals(SessionSide.DESTINATION, refused.side());
  }

  @Test
  void advertisesTheAddressThatOthersDial() {
    TestProbe<SessionReport> follower = KIT.createTestProbe();
    agent(SELDOM + ", migration-host = ferry.example, migration-bind-host = 0.0.0.0")
        .tell(new NodeAgent.PrepareReceive("vm", MemoryMode.PRECOPY, true, follower.getRef()));
    hostLists();

    VmHost.ReceiveVm asked = host.expectMessageClass(VmHost.ReceiveVm.class, PATIENCE);
    asked.replyTo().tell(new VmHost.MigrationStarted("s-1", "tcp:0.0.0.0:4711"));

    assertEquals("tcp:0.0.0.0:0", asked.options().receiverUrl());
    assertEquals(
        "tcp:ferry.example:4711",
        follower.expectMessageClass(SessionReport.Started.class, PATIENCE).url());
  }

  @Test
  void eachSideUsesTheTlsFilesOfItsOwnHost() {
    TestProbe<SessionReport> follower = KIT.createTestProbe();
    ActorRef<NodeAgent.Command> agent = agent(SELDOM + ", tls-dir = /etc/vmferry/tls");
    agent.tell(new NodeAgent.PrepareReceive("vm", MemoryMode.PRECOPY, true, follower.getRef()));
    hostLists();

    assertEquals(
        "/etc/vmferry/tls",
        host.expectMessageClass(VmHost.ReceiveVm.class, PATIENCE).options().tlsDir());

    agent.tell(
        new NodeAgent.StartSend(
            "vm",
            SendOptions.to("tcp:ferry.example:4711", MemoryMode.PRECOPY).build(),
            follower.getRef()));
    assertEquals(
        "/etc/vmferry/tls",
        host.expectMessageClass(VmHost.SendVm.class, PATIENCE).options().tlsDir());
  }
}
