package io.vmferry.daemon.http;

import io.vmferry.daemon.api.ClusterView;
import io.vmferry.daemon.api.ConsoleView;
import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.MigrateRequest;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.api.VmList;
import io.vmferry.daemon.api.VmView;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.Done;
import org.apache.pekko.NotUsed;
import org.apache.pekko.stream.javadsl.Source;

/**
 * What a node can be asked. A stage that fails with {@link ProblemException} is an answer to the
 * caller; any other failure is a fault of the program.
 */
public interface NodeApi {
  /** All VMs. */
  CompletionStage<VmList> listVms();

  /** One VM. */
  CompletionStage<VmView> vm(String name);

  /** Makes a VM. */
  CompletionStage<VmView> createVm(CreateVmRequest request);

  /** Changes a VM's state. */
  CompletionStage<VmView> changeVm(String name, VmChange change);

  /** Ends a VM. */
  CompletionStage<Done> deleteVm(String name);

  /** What a guest wrote. */
  CompletionStage<ConsoleView> console(String name);

  /** Starts an outgoing migration. */
  CompletionStage<MigrationView> sendMigration(String name, SendMigrationRequest request);

  /** Starts to listen for an incoming one. */
  CompletionStage<MigrationView> receiveMigration(ReceiveMigrationRequest request);

  /** Asks the orchestrator for one. */
  CompletionStage<MigrationView> migrate(MigrateRequest request);

  /** One migration. */
  CompletionStage<MigrationView> migration(String id);

  /**
   * A migration's states from now on; the last is final, and the source completes after it. The
   * source drops states for a slow reader, never the last.
   */
  CompletionStage<Source<MigrationView, NotUsed>> followMigration(String id);

  /** Cancels a migration. */
  CompletionStage<MigrationView> cancelMigration(String id);

  /** Ends the rounds of a hybrid migration: the guest moves now. */
  CompletionStage<MigrationView> switchToPostcopy(String id);

  /** The cluster. */
  CompletionStage<ClusterView> cluster();

  /** Whether the node takes requests. */
  boolean isReady();
}
