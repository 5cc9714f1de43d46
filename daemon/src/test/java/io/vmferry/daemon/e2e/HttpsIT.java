package io.vmferry.daemon.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.vmferry.daemon.api.Json;
import io.vmferry.daemon.testing.CommandRun;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.testing.TestAuthority;
import io.vmferry.streams.transport.TlsIdentity;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two nodes on every address of the host, with TLS, a token and client certificates, and the real
 * commands. Everything logs all it can, and the secrets are in none of it.
 */
@RequiresKvm
@RequiresUffd
@Timeout(300)
class HttpsIT {
  private static final String TOKEN = "vErY-sEcReT-tOkEn-0123456789";
  private static final String ANOTHER = "aNoThEr-sEcReT-tOkEn-0123456789";
  private static final List<String> LOG_ALL =
      List.of("-Dvmferry.log=DEBUG", "-Dvmferry.log.pekko=DEBUG", "-Dpekko.loglevel=DEBUG");

  @TempDir private static Path directory;
  private static final List<CommandRun> RUNS = new ArrayList<>();
  private static Path tls;
  private static Path trust;
  private static Path token;
  private static CommandRun north;
  private static CommandRun south;
  private static String url = "";

  @BeforeAll
  static void start() throws Exception {
    tls = new TestAuthority("authority").fill(directory.resolve("tls"));
    trust = Files.createDirectories(directory.resolve("trust"));
    Files.copy(tls.resolve("ca-cert.pem"), trust.resolve("ca-cert.pem"));
    token = secret("token", TOKEN);
    north = node("north");
    Matcher ready = north.awaitReady();
    url = ready.group(1);
    south = node("south", "--seed", ready.group(2));
    south.awaitReady();
  }

  @AfterAll
  static void stop() throws Exception {
    for (CommandRun node : Stream.of(south, north).filter(n -> n != null).toList()) {
      node.signal("TERM");
      assertEquals(143, node.await(), node::err);
      node.close();
    }
  }

  private static Path secret(String name, String text) throws IOException {
    Path file = Files.writeString(directory.resolve(name), text + "\n");
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
  }

  private static CommandRun node(String name, String... more) throws IOException {
    List<String> line =
        new ArrayList<>(
            List.of(
                "node",
                "--name",
                name,
                "--http",
                "0.0.0.0:0",
                "--http-tls-dir",
                tls.toString(),
                "--http-token-file",
                token.toString(),
                "--http-client-certificates",
                "--cluster",
                "127.0.0.1:0"));
    line.addAll(List.of(more));
    return start(line);
  }

  private static CommandRun start(List<String> line) throws IOException {
    CommandRun run = CommandRun.start(directory, LOG_ALL, line.toArray(String[]::new));
    RUNS.add(run);
    return run;
  }

  /** A command with the flags that every good caller has. */
  private static CommandRun command(String... args) throws Exception {
    return command(url, tls, token, args);
  }

  private static CommandRun command(String node, Path tlsDir, Path tokenFile, String... args)
      throws Exception {
    List<String> line = new ArrayList<>(List.of("--node", node));
    if (tlsDir != null) {
      line.addAll(List.of("--node-tls-dir", tlsDir.toString()));
    }
    if (tokenFile != null) {
      line.addAll(List.of("--token-file", tokenFile.toString()));
    }
    line.addAll(List.of(args));
    CommandRun run = start(line);
    assertNoSecret(commandLine(run.process().pid()), "a command line");
    run.await();
    return run;
  }

  private static String commandLine(long pid) throws IOException {
    return Files.readString(Path.of("/proc/" + pid + "/cmdline"), StandardCharsets.ISO_8859_1);
  }

  private static String ok(CommandRun run) {
    assertEquals(0, run.process().exitValue(), run::err);
    return run.out();
  }

  private static void assertFails(int status, String sentence, CommandRun run) {
    assertEquals(status, run.process().exitValue(), run::err);
    String error =
        run.err().lines().filter(line -> line.startsWith("vmferry: ")).findFirst().orElse("");
    assertTrue(error.contains(sentence), run::err);
  }

  @Test
  void aGuestIsBornMovedAndWatchedOverHttps() throws Exception {
    ok(
        command(
            "vm",
            "create",
            "web",
            "--cpus",
            "1",
            "--memory",
            "64M",
            "--guest",
            "standard",
            "--working-set",
            "16M",
            "--dirty-rate",
            "8M/s"));
    ok(command("vm", "boot", "web"));

    JsonNode summary =
        Json.LENIENT.readTree(ok(command("migrate", "web", "--to", "south", "-o", "json")));

    // The guest's verdict comes from the other node, whose URL the first one told.
    assertEquals(0, summary.get("mismatches").asInt(-1), summary::toString);
    assertTrue(summary.get("guest_running_on_destination").asBoolean(), summary::toString);
    JsonNode nodes =
        Json.LENIENT.readTree(ok(command("cluster", "status", "-o", "json"))).get("nodes");
    for (JsonNode node : nodes) {
      assertTrue(node.get("http").asText().startsWith("https://127.0.0.1:"), nodes::toString);
    }
    assertNothingLeaks();
  }

  @Test
  void whoeverLacksSomethingIsToldWhat() throws Exception {
    assertFails(
        1,
        "This node wants a token, and the request has none. Name the node's token file with"
            + " --token-file or VMFERRY_TOKEN_FILE.",
        command(url, tls, null, "vm", "list"));
    assertFails(
        1,
        "The token of the request is not this node's.",
        command(url, tls, secret("another", ANOTHER), "vm", "list"));
    assertFails(
        1, "does not accept this host's certificate", command(url, trust, token, "vm", "list"));
    assertFails(
        1,
        "does not come from the authority in ca-cert.pem. Look at --node-tls-dir",
        command(
            url, new TestAuthority("other").fill(directory.resolve("other")), token, "vm", "list"));
    assertFails(
        1,
        "the peer's certificate is not for this host name",
        command(url.replace("127.0.0.1", "127.0.0.2"), tls, token, "vm", "list"));
    assertFails(
        3,
        "No node answers at http://127.0.0.1",
        command(url.replace("https", "http"), tls, token, "vm", "list"));
    assertNothingLeaks();
  }

  /** HTTP servers like to log what they cannot read. */
  @Test
  void aTokenInABadHeaderIsNotLogged() throws Exception {
    HttpClient client =
        HttpClient.newBuilder().sslContext(TlsIdentity.loadTrust(tls).context()).build();
    for (String header :
        List.of(
            "Bearer " + TOKEN + " " + TOKEN,
            "Bearer " + TOKEN + ", \"" + TOKEN,
            "Basic " + TOKEN,
            TOKEN,
            "=" + TOKEN,
            "\"" + TOKEN)) {
      HttpResponse<String> answer =
          client.send(
              HttpRequest.newBuilder(URI.create(url + "/v1/vms"))
                  .header("Authorization", header)
                  .build(),
              BodyHandlers.ofString());

      assertEquals(401, answer.statusCode(), header);
      assertNoSecret(answer.body() + answer.headers(), "an answer");
    }
    assertNothingLeaks();
  }

  @Test
  void whatCannotBeUsedIsNotSentAtAll() throws Exception {
    assertFails(
        2,
        "The token is not sent to http://192.0.2.1:1",
        command("http://192.0.2.1:1", tls, token, "vm", "list"));
    Path open = secret("open", TOKEN);
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rw-r--r--"));
    assertFails(2, "chmod 600 it", command(url, tls, open, "vm", "list"));
    Path openKey = Files.createDirectories(directory.resolve("open-key"));
    for (String file : List.of("ca-cert.pem", "client-cert.pem", "client-key.pem")) {
      Files.copy(tls.resolve(file), openKey.resolve(file), StandardCopyOption.REPLACE_EXISTING);
    }
    Files.setPosixFilePermissions(
        openKey.resolve("client-key.pem"), PosixFilePermissions.fromString("rw-r--r--"));
    assertFails(2, "is open to every user", command(url, openKey, token, "vm", "list"));
    assertNothingLeaks();
  }

  private static void assertNothingLeaks() throws IOException {
    for (CommandRun run : RUNS) {
      assertNoSecret(run.out(), "stdout");
      assertNoSecret(run.err(), "stderr");
      if (run.process().isAlive()) {
        assertNoSecret(commandLine(run.process().pid()), "a node's command line");
      }
    }
    // It did log.
    assertTrue(north.err().contains("DEBUG"), north::err);
  }

  private static void assertNoSecret(String text, String where) throws IOException {
    List<String> secrets = new ArrayList<>(List.of(TOKEN, ANOTHER));
    for (String side : List.of("server", "client")) {
      List<String> key = Files.readAllLines(tls.resolve(side + "-key.pem"));
      secrets.addAll(key.subList(1, key.size() - 1));
    }
    for (String secret : secrets) {
      assertFalse(text.contains(secret.strip()), () -> "a secret is in " + where + ": " + text);
    }
  }
}
