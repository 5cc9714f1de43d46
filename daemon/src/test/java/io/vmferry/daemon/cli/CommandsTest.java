package io.vmferry.daemon.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.render.Terminal;
import io.vmferry.daemon.testing.FakeNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class CommandsTest {
  private static final String VM =
      "{\"name\":\"a\",\"state\":\"running\",\"node\":\"n1\",\"hypervisor\":\"kvm\","
          + "\"memory_bytes\":268435456,\"cpus\":2,\"page_size\":\"4K\",\"guest\":{\"running\":true,"
          + "\"iterations\":10,\"pages_verified\":20,\"mismatches\":0,\"sweeps\":0}}";
  private static final String STARTED = "{\"id\":\"m-1\",\"vm\":\"a\",\"state\":\"running\"}";
  private static final String SUMMARY =
      "{\"mode\":\"precopy\",\"hypervisor\":\"kvm\",\"memory_bytes\":268435456,\"total_ms\":900.0,"
          + "\"downtime_ms\":30.0,\"rounds\":4,\"bytes_sent\":268435456,"
          + "\"guest_running_on_destination\":true}";

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private FakeNode node;

  @BeforeEach
  void start() throws IOException {
    node = new FakeNode();
  }

  @AfterEach
  void stop() {
    node.close();
  }

  private int run(String... args) {
    PrintWriter errors = new PrintWriter(err);
    Console console =
        new Console(
            new PrintWriter(out),
            errors,
            Map.of("VMFERRY_NODE", node.url().toString()),
            new Terminal(errors, false, 80));
    int code = VmferryCommand.commandLine(console, args).execute(args);
    console.out().flush();
    errors.flush();
    return code;
  }

  private void answerEvents(String result) {
    node.answer("GET /v1/migrations/m-1/events", 200, "event: result\ndata: " + result + "\n\n");
  }

  private Console console() {
    return new Console(
        new PrintWriter(out),
        new PrintWriter(err),
        Map.of(),
        new Terminal(new PrintWriter(err), false, 80));
  }

  @Test
  void everyCommandHasHelpWithItsExitCodes() {
    Deque<CommandLine> open = new ArrayDeque<>();
    open.add(VmferryCommand.commandLine(console()));
    List<String> seen = new ArrayList<>();
    while (!open.isEmpty()) {
      CommandLine command = open.remove();
      open.addAll(command.getSubcommands().values());
      String name = command.getCommandSpec().qualifiedName();
      seen.add(name);

      String usage = command.getUsageMessage();

      assertTrue(usage.startsWith("Usage: " + name), usage);
      assertTrue(usage.contains("--help"), usage);
      assertTrue(usage.contains("Exit codes:"), usage);
      assertTrue(command.getCommandSpec().usageMessage().description().length > 0, name);
    }
    assertTrue(seen.contains("vmferry vm create"), seen.toString());
  }

  @Test
  void aCommandAloneIsWhatItIsAmongAll() {
    Deque<CommandLine> open = new ArrayDeque<>();
    open.add(VmferryCommand.commandLine(console()));
    while (!open.isEmpty()) {
      CommandLine command = open.remove();
      open.addAll(command.getSubcommands().values());
      String[] words = command.getCommandSpec().qualifiedName().split(" ", -1);
      String[] args = Arrays.copyOfRange(words, 1, words.length);

      CommandLine alone = VmferryCommand.commandLine(console(), args);
      for (String word : args) {
        assertEquals(Set.of(word), alone.getSubcommands().keySet());
        alone = alone.getSubcommands().get(word);
      }
      assertEquals(command.getUsageMessage(), alone.getUsageMessage());
    }
  }

  @Test
  void anUnknownCommandIsAnsweredWithThoseThereAre() {
    assertEquals(ExitCodes.USAGE, run("vm", "bot", "a"));
    assertTrue(err.toString().contains("vm boot"), err.toString());
  }

  @Test
  void helpGoesToStdoutAndIsNoError() {
    assertEquals(ExitCodes.OK, run("vm", "create", "--help"));
    assertTrue(out.toString().contains("--page-size"), out.toString());
    assertEquals("", err.toString());
  }

  @Test
  void infoIsATableForPeople() {
    node.answer("GET /v1/vms/a", 200, VM);

    int code = run("vm", "info", "a");

    assertEquals(ExitCodes.OK, code);
    assertEquals(
        """
        name            a
        state           running
        node            n1
        hypervisor      kvm
        memory          256 MiB
        page size       4K
        vCPUs           2
        guest           running
        iterations      10
        pages verified  20
        mismatches      0
        """,
        out.toString());
  }

  @Test
  void infoIsOneDocumentWithJson() {
    node.answer("GET /v1/vms/a", 200, VM);

    run("vm", "info", "a", "-o", "json");

    assertEquals(VM + "\n", out.toString());
  }

  @Test
  void createSendsBytes() throws Exception {
    node.answer("POST /v1/vms", 201, VM);

    int code =
        run(
            "vm",
            "create",
            "a",
            "--cpus",
            "2",
            "--memory",
            "256M",
            "--page-size",
            "2m",
            "--guest",
            "standard",
            "--working-set",
            "64M",
            "--dirty-rate",
            "50M/s");

    assertEquals(ExitCodes.OK, code, err.toString());
    assertEquals(
        "{\"name\":\"a\",\"cpus\":2,\"memory_bytes\":268435456,\"page_size\":\"2M\",\"guest\":"
            + "{\"kind\":\"standard\",\"working_set_bytes\":67108864,"
            + "\"dirty_bytes_per_second\":52428800}}",
        node.requests().take().body());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "vm create a --cpus 2 --memory 256MB --guest idle | Invalid value for option '--memory': '256MB' has a decimal unit",
        "vm create a --cpus 0 --memory 256M --guest idle | --cpus 0: write a number from 1 to",
        "vm create a --cpus 1 --memory 5000 --guest idle | is not a multiple of the page size 4K",
        "vm create a --cpus 1 --memory 3M --page-size 2M --guest idle | is not a multiple of the page size 2M",
        "vm create a --cpus 1 --memory 4M --page-size 8K --guest idle | --page-size 8K: write one of 4K, 2M, 1G",
        "vm create a/b --cpus 1 --memory 4M --guest idle | 'a/b' is no VM name",
        "vm create a --cpus 1 --memory 4M --guest dos | --guest dos: write standard or idle",
        "vm create a --cpus 1 --memory 4M --guest idle --dirty-rate 5M/s | are for --guest standard",
        "vm create a --cpus 1 --memory 8M --guest idle --fill ones | --fill ones: write random, zero90 or free90",
        "vm create a --cpus 1 --memory 8M --guest standard --fill random | and --guest idle",
        "vm create a --cpus 1 --memory 4M --guest standard --working-set 8M | is more than the guest's memory",
        "vm create a --cpus 1 --memory 4M | Missing required argument",
        "vm create a --cpus 1 --memory 4M --guest idle --kernel k | mutually exclusive",
        "vm info | Missing required parameter: 'NAME'",
        "vm | Say which vm command",
        "fly | Unmatched argument at index 0: 'fly'",
        "migrate a | Missing required argument (specify one of these): (--to=NODE | --recover)",
        "migrate a --to b --recover | --to=NODE, --recover are mutually exclusive (specify only one)",
        "migrate a --to b --mode warp | expected one of",
        "migrate a --to b --downtime 300 | '300' has no unit",
        "migrate a --to b --connections 0 | --connections 0: write a number from 1 to 128",
        "send-migration a destination_url=tcp:x | destination_url=tcp:x: write tcp:<host>:<port>",
        "receive-migration udp:1 | receiver_url=udp:1: write tcp:<host>:<port>",
        "bench --memory 64M | --memory: write 128M or more",
        "bench --runs 0 | --runs 0: write 1 or more",
        "bench --mode precopy,fly | --mode precopy,fly: write one or several of precopy,zero",
        "bench --connections 1,129 | --connections 129: write 1 to 128",
        "bench --content ones | There is no fill 'ones'",
        "bench --link 5gbit | --link 5gbit: write none, 1gbit or 10gbit",
        "bench --peers xen | --peers xen: write one or several of c,qemu,one-page",
        "vm list --node ftp://x | 'ftp://x' is not the URL of a node",
        "vm list -o yaml | expected one of"
      })
  void wrongUseIsOneSentenceAndCode2(String line, String message) {
    int code = run(line.split(" ", -1));

    assertEquals(ExitCodes.USAGE, code, err.toString());
    assertTrue(err.toString().contains(message), err.toString());
    assertTrue(err.toString().startsWith("vmferry: "), err.toString());
    assertEquals("", out.toString());
    assertEquals(0, node.requests().size());
  }

  @Test
  void aProblemSaysWhereTheGuestIsAndWhatToDo() {
    node.answer(
        "POST /v1/vms/a/send-migration",
        409,
        "{\"code\":\"PEER_UNREACHABLE\",\"message\":\"Nothing listens there\","
            + "\"guestLocation\":\"SOURCE\",\"hint\":\"Start receive-migration first\"}");

    int code = run("send-migration", "a", "tcp:127.0.0.1:9");

    assertEquals(ExitCodes.FAILED, code);
    assertEquals(
        "vmferry: Nothing listens there. The guest is still on the source. Start receive-migration"
            + " first.\n",
        err.toString());
  }

  @Test
  void aFinishedMigrationPrintsTheFiguresAsOneJsonLine() {
    node.answer("POST /v1/migrations", 202, STARTED);
    answerEvents("{\"id\":\"m-1\",\"state\":\"completed\",\"summary\":" + SUMMARY + "}");

    int code = run("-o", "json", "migrate", "a", "--to", "b");

    assertEquals(ExitCodes.OK, code, err.toString());
    assertEquals(SUMMARY + "\n", out.toString());
  }

  @Test
  void migrateSendsItsOptions() throws Exception {
    node.answer("POST /v1/migrations", 202, STARTED);
    answerEvents("{\"id\":\"m-1\",\"state\":\"completed\",\"summary\":" + SUMMARY + "}");

    run(
        "migrate",
        "a",
        "--to",
        "b",
        "--mode",
        "postcopy",
        "--bandwidth",
        "10M/s",
        "--downtime",
        "50ms",
        "--timeout",
        "2m",
        "--on-timeout",
        "ignore",
        "--connections",
        "3",
        "--verify",
        "--compression",
        "zstd",
        "--no-auto-converge");

    assertEquals(
        "{\"vm\":\"a\",\"to\":\"b\",\"mode\":\"postcopy\",\"connections\":3,"
            + "\"bandwidth_bytes_per_second\":10485760,\"downtime_ms\":50,\"timeout_s\":120,"
            + "\"timeout_strategy\":\"ignore\",\"verify\":true,\"compression\":\"zstd\","
            + "\"auto_converge\":false}",
        node.requests().take().body());
  }

  @Test
  void damagedMemoryIsAFailure() {
    node.answer("POST /v1/migrations", 202, STARTED);
    answerEvents(
        "{\"id\":\"m-1\",\"state\":\"completed\",\"summary\":"
            + SUMMARY.replace("\"rounds\"", "\"digests_match\":false,\"rounds\"")
            + "}");

    int code = run("migrate", "a", "--to", "b");

    assertEquals(ExitCodes.FAILED, code);
    assertTrue(err.toString().contains("not what it was on the source"), err.toString());
  }

  @Test
  void anUnknownLocationHasItsOwnCode() {
    node.answer("POST /v1/migrations", 202, STARTED);
    answerEvents(
        "{\"id\":\"m-1\",\"state\":\"failed\",\"problem\":{\"code\":\"PEER_LOST\",\"message\":"
            + "\"The destination was lost during switchover\",\"guestLocation\":\"UNKNOWN\"}}");

    int code = run("migrate", "a", "--to", "b");

    assertEquals(ExitCodes.GUEST_LOCATION_UNKNOWN, code);
    assertTrue(err.toString().contains("It is not certain whether"), err.toString());
  }

  @Test
  void tellsAMigrationToSwitchToPostcopy() throws Exception {
    node.answer("POST /v1/migrations/m-1/postcopy", 200, "{\"id\":\"m-1\",\"state\":\"running\"}");

    assertEquals(0, run("migrate-postcopy", "m-1"));

    assertEquals("Migration m-1 was told to switch to postcopy.\n", out.toString());
  }

  @Test
  void recoverSaysThatTheMigrationGoesOn() throws Exception {
    node.answer(
        "POST /v1/vms/a/recover",
        200,
        "{\"name\":\"a\",\"state\":\"migrating\",\"migration_id\":\"m-1\"}");

    assertEquals(0, run("migrate", "a", "--recover"));

    assertEquals("Migration m-1 of VM a goes on.\n", out.toString());
  }

  @Test
  void receivePrintsWhereItListens() {
    node.answer(
        "POST /v1/receive-migrations",
        202,
        "{\"id\":\"m-1\",\"state\":\"running\",\"url\":\"tcp:127.0.0.1:4242\"}");
    answerEvents("{\"id\":\"m-1\",\"state\":\"completed\",\"summary\":" + SUMMARY + "}");

    int code = run("receive-migration", "receiver_url=tcp:127.0.0.1:0");

    assertEquals(ExitCodes.OK, code);
    assertEquals("Waiting at tcp:127.0.0.1:4242 ...\n", err.toString());
  }

  @Test
  void clusterStatusIsATable() {
    node.answer(
        "GET /v1/cluster",
        200,
        "{\"self\":\"n1\",\"orchestrator\":\"n1\",\"nodes\":[{\"name\":\"n1\",\"address\":"
            + "\"127.0.0.1:7355\",\"http\":\"http://127.0.0.1:8700\",\"status\":\"up\",\"cpus\":2,"
            + "\"memory_bytes\":1073741824,\"memory_available_bytes\":536870912,\"vms\":[\"a\","
            + "\"b\"]}]}");

    run("cluster", "status");

    assertEquals(
        """
        NODE  STATUS  CORES  MEMORY  AVAILABLE  HTTP                   VMS
        n1    up      2      1 GiB   512 MiB    http://127.0.0.1:8700  a,b
        Asked n1; orchestrator on n1
        """,
        out.toString());
  }
}
