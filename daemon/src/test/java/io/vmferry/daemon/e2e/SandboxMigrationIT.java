package io.vmferry.daemon.e2e;

import static io.vmferry.daemon.e2e.TwoNodes.MIB;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.testing.TestAuthority;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Real guests between two node processes that end at the first system call that is not on a
 * thread's list.
 */
@RequiresKvm
@RequiresUffd
@Timeout(600)
class SandboxMigrationIT {
  @TempDir private static Path directory;
  private static TwoNodes nodes;
  private static String tlsDir;

  @BeforeAll
  static void start() throws Exception {
    nodes = TwoNodes.start(directory, "vmferry.sandbox.seccomp=kill");
    tlsDir = new TestAuthority("authority").fill(directory.resolve("tls")).toString();
  }

  @AfterAll
  static void stop() throws Exception {
    if (nodes != null) {
      nodes.close();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "precopy, plain",
    "postcopy, plain",
    "hybrid, plain",
    "local, plain",
    "precopy, tls",
    "postcopy, tls",
    "hybrid, tls"
  })
  void movesARunningGuest(String mode, String transport) throws Exception {
    nodes.boot("fenced", 2);
    String url = mode.equals("local") ? "unix:" + directory.resolve("socket") : "tcp:127.0.0.1:0";
    String tls = transport.equals("tls") ? tlsDir : null;
    MigrationView receiving =
        nodes
            .destination()
            .client()
            .receiveMigration(new ReceiveMigrationRequest(url, mode, null, true, null, null, tls));

    MigrationView departure =
        nodes.departure(
            nodes.send(
                "fenced",
                SendMigrationRequest.to(receiving.url(), mode)
                    .connections(mode.equals("local") ? 1 : 2)
                    .timeout(60, "ignore")
                    .verify(true)
                    .tlsDir(tls)
                    .build()));

    TwoNodes.assertMoved(departure, nodes.arrival(receiving));
    nodes.assertRunsOn(nodes.destination(), "fenced");
    nodes.delete("fenced");
  }

  /** A guest that takes some seconds, so that the threads can be looked at. */
  @ParameterizedTest
  @CsvSource({
    "precopy, south, main-",
    "precopy, south, memory-",
    "postcopy, north, fault-server-",
    "postcopy, north, push-",
    "postcopy, south, uffd-",
    "postcopy, south, pages-",
    "postcopy, south, push-"
  })
  void theThreadsOfAMigrationAreFencedIn(String mode, String node, String thread) throws Exception {
    GuestConfig filled = new GuestConfig("idle", null, null, "random", null, null, null);
    nodes.source().client().createVm(new CreateVmRequest("slow", 1, 64 * MIB, "4K", filled));
    nodes.source().client().boot("slow");
    MigrationView receiving = nodes.receive(mode);
    NodeJvm looked = node.equals("north") ? nodes.source() : nodes.destination();

    MigrationView sending =
        nodes.send(
            "slow",
            SendMigrationRequest.to(receiving.url(), mode)
                .connections(2)
                .bandwidth(16 * MIB)
                .timeout(60, "ignore")
                .build());
    List<String> unfenced = new ArrayList<>();
    List<String> fenced = new ArrayList<>();
    Patience.until(
        30,
        () -> {
          look(looked.process().pid(), thread, fenced, unfenced);
          return !fenced.isEmpty() && unfenced.isEmpty();
        },
        () -> "no thread " + thread + " is fenced in; others: " + unfenced);

    assertEquals("completed", nodes.departure(sending).state());
    assertEquals("completed", nodes.arrival(receiving).state());
    nodes.delete("slow");
  }

  /** A thread has its name before its fence, for a moment. */
  private static void look(long pid, String name, List<String> fenced, List<String> unfenced)
      throws IOException {
    fenced.clear();
    unfenced.clear();
    try (DirectoryStream<Path> tasks =
        Files.newDirectoryStream(Path.of("/proc", Long.toString(pid), "task"))) {
      for (Path task : tasks) {
        try {
          String status = Files.readString(task.resolve("status"));
          if (status.startsWith("Name:\t" + name)) {
            (status.contains("Seccomp:\t2") ? fenced : unfenced)
                .add(status.lines().toList().get(0));
          }
        } catch (IOException e) {
          // The thread has ended.
        }
      }
    }
  }
}
