package io.vmferry.daemon.http;

import io.vmferry.daemon.api.ClusterView;
import io.vmferry.daemon.api.ConsoleView;
import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestLocation;
import io.vmferry.daemon.api.MigrateRequest;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.Problem;
import io.vmferry.daemon.api.ProgressView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.api.VmList;
import io.vmferry.daemon.api.VmView;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.Done;
import org.apache.pekko.NotUsed;
import org.apache.pekko.stream.javadsl.Source;

/** Notes what it is asked. */
final class NotingNode implements NodeApi {
  private static final VmView VM =
      new VmView("a", "running", "n", "kvm", 4096, 1, "4K", null, null, null, 1L, null);
  static final MigrationView RUNNING =
      new MigrationView(
          "m-1",
          "a",
          "running",
          null,
          "b",
          null,
          new ProgressView("precopy", 3, 10, 5, 5, 1, 2, 4.0, null, 0, 0),
          null,
          null);
  static final MigrationView FAILED =
      new MigrationView(
          "m-1",
          "a",
          "failed",
          null,
          "b",
          null,
          null,
          null,
          new Problem("PEER_LOST", "Gone", GuestLocation.SOURCE, null, "m-1"));

  final List<String> asked = new ArrayList<>();

  /** What is told of a migration. */
  Source<MigrationView, NotUsed> states = Source.from(List.of(RUNNING, RUNNING, FAILED));

  private <T> CompletionStage<T> note(String question, T answer) {
    asked.add(question);
    return CompletableFuture.completedFuture(answer);
  }

  @Override
  public CompletionStage<VmList> listVms() {
    return note("listVms", new VmList(List.of(VM)));
  }

  @Override
  public CompletionStage<VmView> vm(String name) {
    if (name.equals("missing")) {
      return CompletableFuture.failedFuture(
          new ProblemException(404, Problem.of("NO_SUCH_VM", "No", "Look")));
    }
    if (name.equals("boom")) {
      return CompletableFuture.failedFuture(new IllegalStateException("secret path"));
    }
    return note("vm " + name, VM);
  }

  @Override
  public CompletionStage<VmView> createVm(CreateVmRequest request) {
    return note("createVm " + request.name(), VM);
  }

  @Override
  public CompletionStage<VmView> changeVm(String name, VmChange change) {
    return note(change + " " + name, VM);
  }

  @Override
  public CompletionStage<Done> deleteVm(String name) {
    return note("deleteVm " + name, Done.getInstance());
  }

  @Override
  public CompletionStage<ConsoleView> console(String name) {
    return note("console " + name, new ConsoleView(name, "text"));
  }

  @Override
  public CompletionStage<MigrationView> sendMigration(String name, SendMigrationRequest request) {
    return note("sendMigration " + name + " " + request.destinationUrl(), RUNNING);
  }

  @Override
  public CompletionStage<MigrationView> receiveMigration(ReceiveMigrationRequest request) {
    return note("receiveMigration " + request.receiverUrl(), RUNNING);
  }

  @Override
  public CompletionStage<MigrationView> migrate(MigrateRequest request) {
    return note("migrate " + request.vm() + " " + request.to(), RUNNING);
  }

  @Override
  public CompletionStage<MigrationView> migration(String id) {
    return note("migration " + id, RUNNING);
  }

  @Override
  public CompletionStage<Source<MigrationView, NotUsed>> followMigration(String id) {
    return CompletableFuture.completedFuture(states);
  }

  @Override
  public CompletionStage<MigrationView> cancelMigration(String id) {
    return note("cancelMigration " + id, FAILED);
  }

  @Override
  public CompletionStage<MigrationView> switchToPostcopy(String id) {
    return note("switchToPostcopy " + id, FAILED);
  }

  @Override
  public CompletionStage<ClusterView> cluster() {
    return note("cluster", new ClusterView("n", null, List.of()));
  }

  @Override
  public boolean isReady() {
    return true;
  }
}
