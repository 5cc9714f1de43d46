package io.vmferry.daemon.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.VmHost;
import io.vmferry.actors.guest.GuestReport;
import io.vmferry.actors.guest.MemoryFill;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.actors.vm.VmInfo;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.cluster.ClusterNode;
import io.vmferry.cluster.node.NodeDirectory;
import io.vmferry.cluster.orchestrator.Orchestrator;
import io.vmferry.daemon.api.ClusterView;
import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.MigrateRequest;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.api.VmView;
import io.vmferry.daemon.http.ProblemException;
import io.vmferry.daemon.http.VmChange;
import io.vmferry.kvm.memory.PageSize;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The routes' answers, with probes in the place of the node's actors. */
class LocalNodeTest {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final VmInfo VM =
      new VmInfo(
          new VmSpec("a", 2, 64L << 20, PageSize.KIB_4, new GuestSource.Standard(4096, 0)),
          LifeCycle.HANDOVER_UNKNOWN,
          "kvm",
          new GuestReport(true, 5, 4, 1, 2, "vCPU 0 at 0x1000", List.of()),
          "m-1",
          null);

  private final TestProbe<VmHost.Command> host = KIT.createTestProbe(VmHost.Command.class);
  private final TestProbe<NodeDirectory.Command> directory =
      KIT.createTestProbe(NodeDirectory.Command.class);
  private final TestProbe<Orchestrator.Command> orchestrator =
      KIT.createTestProbe(Orchestrator.Command.class);
  private final TestProbe<NodeGuardian.Command> guardian =
      KIT.createTestProbe(NodeGuardian.Command.class);
  private final TestProbe<MigrationEvent> sessions = KIT.createTestProbe(MigrationEvent.class);
  private final MigrationBoard board = new MigrationBoard(10);
  private final LocalNode node = node(Duration.ofSeconds(10));

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  private LocalNode node(Duration timeout) {
    ClusterNode cluster = TestCluster.node(KIT, directory.getRef(), orchestrator.getRef());
    return new LocalNode(
        KIT.scheduler(),
        guardian.getRef(),
        new NodeGuardian.Parts(host.getRef(), cluster, sessions.getRef()),
        board,
        timeout,
        timeout);
  }

  private static <T> T get(CompletionStage<T> stage) {
    return stage.toCompletableFuture().join();
  }

  private static ProblemException problem(CompletionStage<?> stage) {
    CompletionException e = assertThrows(CompletionException.class, () -> get(stage));
    return assertInstanceOf(ProblemException.class, e.getCause());
  }

  @Test
  void aVmIsShownWithTheGuestsOwnVerdict() {
    CompletionStage<VmView> answer = node.vm("a");
    host.expectMessageClass(VmHost.DescribeVm.class).replyTo().tell(new VmHost.Described(VM));

    VmView vm = get(answer);

    assertEquals("handover-unknown", vm.state());
    assertEquals("n", vm.node());
    assertEquals("4K", vm.pageSize());
    assertEquals(64L << 20, vm.memoryBytes());
    assertEquals(1, vm.guest().mismatches());
    assertEquals(2, vm.guest().sweeps());
    assertTrue(!vm.guest().running(), "paused until it is known who has it");
  }

  @Test
  void aRefusalIsAProblemWithItsCodeAndStatus() {
    CompletionStage<VmView> answer = node.changeVm("x", VmChange.BOOT);
    VmHost.ChangeVm asked = host.expectMessageClass(VmHost.ChangeVm.class);
    assertEquals(VmHost.Change.BOOT, asked.change());
    asked.replyTo().tell(new VmHost.Rejected(FailureCode.NO_SUCH_VM, "This node has no VM x."));

    ProblemException problem = problem(answer);

    assertEquals(404, problem.status());
    assertEquals("NO_SUCH_VM", problem.problem().code());
    assertEquals("This node has no VM x.", problem.problem().message());
  }

  @Test
  void aHostThatDoesNotAnswerIsAProblem() {
    ProblemException problem = problem(node(Duration.ofMillis(50)).vm("a"));

    assertEquals(503, problem.status());
    assertEquals("NO_ANSWER", problem.problem().code());
  }

  @Test
  void aVmIsCreatedWithAWorkingSetThatFits() {
    GuestConfig guest = new GuestConfig("standard", null, null, null, null, null, null);
    node.createVm(new CreateVmRequest("a", 1, 64L << 20, "2M", guest));

    VmSpec spec = host.expectMessageClass(VmHost.CreateVm.class).spec();

    assertEquals(PageSize.MIB_2, spec.pageSize());
    assertEquals(new GuestSource.Standard(16L << 20, 0), spec.guest());
  }

  @Test
  void anIdleGuestMayHaveItsMemoryFilled() {
    GuestConfig guest = new GuestConfig("idle", null, null, "zero90", null, null, null);
    node.createVm(new CreateVmRequest("a", 1, 64L << 20, "4K", guest));

    assertEquals(
        new GuestSource.Idle(MemoryFill.ZERO90),
        host.expectMessageClass(VmHost.CreateVm.class).spec().guest());
  }

  @Test
  void aKernelIsNamedByAnAbsolutePath() {
    GuestConfig guest = new GuestConfig("kernel", null, null, null, "/boot/vmlinux", null, "quiet");
    node.createVm(new CreateVmRequest("a", 1, 64L << 20, "4K", guest));

    assertEquals(
        new GuestSource.Kernel(Path.of("/boot/vmlinux"), null, "quiet"),
        host.expectMessageClass(VmHost.CreateVm.class).spec().guest());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "| | The body lacks the field 'guest.kernel'",
        "vmlinux | | The field 'guest.kernel' takes an absolute path on the node, not 'vmlinux'",
        "/vmlinux | i | The field 'guest.initrd' takes an absolute path on the node, not 'i'"
      })
  void aKernelWithoutAPathIsRefused(
      @Nullable String kernel, @Nullable String initrd, String message) {
    GuestConfig guest = new GuestConfig("kernel", null, null, null, kernel, initrd, null);
    CreateVmRequest request = new CreateVmRequest("a", 1, 64L << 20, "4K", guest);

    ProblemException refusal = assertThrows(ProblemException.class, () -> node.createVm(request));

    assertEquals(400, refusal.status());
    assertEquals(message, refusal.problem().message());
  }

  @Test
  void aSessionIsOnTheBoardWithWhatItsFirstEventsSaid() {
    CompletionStage<MigrationView> answer =
        node.receiveMigration(
            new ReceiveMigrationRequest(
                "tcp:127.0.0.1:0", "postcopy", null, true, null, null, null));
    VmHost.ReceiveVm asked = host.expectMessageClass(VmHost.ReceiveVm.class);
    assertEquals(MemoryMode.POSTCOPY, asked.options().mode());
    assertEquals(sessions.getRef(), asked.follower());
    asked.replyTo().tell(new VmHost.MigrationStarted("m-7", "tcp:127.0.0.1:4711"));

    MigrationView view = get(answer);

    assertEquals("tcp:127.0.0.1:4711", view.url());
    assertEquals(MigrationView.RUNNING, view.state());
    assertNull(view.vm());
    assertEquals(view, get(node.migration("m-7")));
  }

  @Test
  void steeringASessionAsksTheHostAndAMoveTheOrchestrator() {
    board.update(Views.begun("m-1", "a", "tcp:h:1"), view -> view);
    MigrationView move = new MigrationView("m-2", "a", "running", "n", "o", null, null, null, null);
    board.update(move, view -> view);

    node.cancelMigration("m-1");
    node.cancelMigration("m-2");

    assertEquals("m-1", host.expectMessageClass(VmHost.CancelMigration.class).migrationId());
    assertEquals("m-2", orchestrator.expectMessageClass(Orchestrator.CancelMigration.class).id());
    node.switchToPostcopy("m-1");
    node.switchToPostcopy("m-2");

    assertEquals("m-1", host.expectMessageClass(VmHost.SwitchToPostcopy.class).migrationId());
    assertEquals("m-2", orchestrator.expectMessageClass(Orchestrator.SwitchToPostcopy.class).id());
  }

  @Test
  void theOrchestratorsRefusalIsAProblem() {
    CompletionStage<MigrationView> answer =
        node.migrate(
            new MigrateRequest("a", "b", "local", 1, 0, 300, 60, "cancel", true, null, null));
    Orchestrator.Migrate asked = orchestrator.expectMessageClass(Orchestrator.Migrate.class);
    assertEquals(MemoryMode.LOCAL, asked.params().mode());
    assertEquals("b", asked.toNode());
    asked.replyTo().tell(new Orchestrator.Refused(FailureCode.NAME_TAKEN, "b has one."));

    assertEquals(409, problem(answer).status());
  }

  @Test
  void aMigrationThatNobodyKnowsIsAProblem() {
    CompletionStage<MigrationView> answer = node.migration("m-9");
    orchestrator
        .expectMessageClass(Orchestrator.GetMigration.class)
        .replyTo()
        .tell(new Orchestrator.NoSuchMigration("m-9"));

    ProblemException problem = problem(answer);

    assertEquals(404, problem.status());
    assertEquals("NO_SUCH_MIGRATION", problem.problem().code());
  }

  @Test
  void valuesThatCannotBeUsedAreTheCallersError() {
    GuestConfig guest = new GuestConfig("penguin", null, null, null, null, null, null);

    for (Runnable request :
        List.<Runnable>of(
            () -> node.createVm(new CreateVmRequest("a", 1, 64L << 20, "4K", guest)),
            () -> node.createVm(new CreateVmRequest("a", 0, 64L << 20, "4K", idle())),
            () -> node.createVm(new CreateVmRequest("a", 1, 64L << 20, "3K", idle())),
            () -> node.createVm(new CreateVmRequest(null, 1, 64L << 20, "4K", idle())),
            () -> node.sendMigration("a", SendMigrationRequest.to("ftp:h:1", "precopy").build()),
            () ->
                node.sendMigration(
                    "a", SendMigrationRequest.to("tcp:h:1", "precopy").timeout(60, "sulk").build()),
            () ->
                node.receiveMigration(
                    new ReceiveMigrationRequest(
                        "tcp:h:1", "nocopy", null, false, null, null, null)))) {
      assertEquals(400, assertThrows(ProblemException.class, request::run).status());
    }
    host.expectNoMessage();
  }

  private static GuestConfig idle() {
    return new GuestConfig("idle", null, null, null, null, null, null);
  }

  @Test
  void theClusterIsWhatTheDirectorySays() {
    CompletionStage<ClusterView> answer = node.cluster();
    directory
        .expectMessageClass(NodeDirectory.ListNodes.class)
        .replyTo()
        .tell(new NodeDirectory.Nodes("n", null, List.of()));

    assertEquals("n", get(answer).self());
  }
}
