package io.vmferry.daemon.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.testing.FakeNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The real command in a process of its own: exit status, streams and signals. */
@Timeout(60)
class CommandProcessTest {
  private FakeNode node;
  @TempDir private Path directory;

  @BeforeEach
  void start() throws IOException {
    node = new FakeNode();
  }

  @AfterEach
  void stop() {
    node.close();
  }

  private Process command(String... args) throws IOException {
    // A shell without job control starts its children with SIGINT ignored; the JVM respects that.
    List<String> line =
        new ArrayList<>(
            List.of(
                "env",
                "--default-signal=INT",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                "io.vmferry.daemon.cli.Main"));
    line.addAll(List.of(args));
    ProcessBuilder builder =
        new ProcessBuilder(line)
            .redirectOutput(directory.resolve("out").toFile())
            .redirectError(directory.resolve("err").toFile());
    builder.environment().put("VMFERRY_NODE", node.url().toString());
    return builder.start();
  }

  private String read(String stream) throws IOException {
    return Files.readString(directory.resolve(stream), StandardCharsets.UTF_8);
  }

  @Test
  void successIsStatus0WithAQuietStderr() throws Exception {
    node.answer("GET /v1/vms", 200, "{\"vms\":[]}");

    assertEquals(0, command("vm", "list").waitFor());

    assertEquals("No VMs.\n", read("out"));
    assertEquals("", read("err"));
  }

  @Test
  void wrongUseIsStatus2() throws Exception {
    assertEquals(2, command("vm", "list", "--sideways").waitFor());

    assertTrue(read("err").startsWith("vmferry: Unknown option: '--sideways'"), read("err"));
  }

  @Test
  void noNodeIsStatus3() throws Exception {
    node.close();

    assertEquals(3, command("vm", "list").waitFor());

    assertEquals(
        "vmferry: No node answers at "
            + node.url()
            + ". Start one with 'vmferry node', or name another with --node or VMFERRY_NODE.\n",
        read("err"));
  }

  @Test
  void aRefusalIsStatus1AndVerboseAddsTheStackTrace() throws Exception {
    node.answer("GET /v1/vms/x", 404, "{\"code\":\"NO_SUCH_VM\",\"message\":\"There is no VM x\"}");

    assertEquals(1, command("vm", "info", "x", "-v").waitFor());

    assertTrue(read("err").startsWith("vmferry: There is no VM x.\n"), read("err"));
    assertTrue(read("err").contains("NodeException"), read("err"));
  }

  @Test
  void interruptCancelsTheMigrationAndSaysWhereTheGuestIs() throws Exception {
    CountDownLatch end = new CountDownLatch(1);
    String cancelled =
        "{\"id\":\"m-1\",\"state\":\"cancelled\",\"problem\":{\"code\":\"CANCELLED\",\"message\":"
            + "\"Migration m-1 was cancelled\",\"guestLocation\":\"SOURCE\",\"migrationId\":"
            + "\"m-1\"}}";
    node.answer("POST /v1/migrations", 202, "{\"id\":\"m-1\",\"state\":\"running\"}")
        .hold("GET /v1/migrations/m-1/events", ":\n\n", end)
        .answer("DELETE /v1/migrations/m-1", 200, cancelled)
        .answer("GET /v1/migrations/m-1", 200, cancelled);
    Process process = command("migrate", "a", "--to", "b");
    awaitRequest("GET", "/v1/migrations/m-1/events");

    new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).inheritIO().start().waitFor();

    awaitRequest("DELETE", "/v1/migrations/m-1");
    assertEquals(130, process.waitFor());
    assertEquals(
        """
        Migration m-1 has begun.
        Cancelling migration m-1 ...
        Migration m-1 was cancelled. The guest is still on the source.
        """,
        read("err"));
    end.countDown();
  }

  @Test
  void anInterruptThatComesTooLateSaysSo() throws Exception {
    CountDownLatch end = new CountDownLatch(1);
    node.answer("POST /v1/migrations", 202, "{\"id\":\"m-1\",\"state\":\"running\"}")
        .hold("GET /v1/migrations/m-1/events", ":\n\n", end)
        .answer(
            "DELETE /v1/migrations/m-1",
            409,
            "{\"code\":\"WRONG_STATE\",\"message\":\"Migration m-1 is over\"}")
        .answer("GET /v1/migrations/m-1", 200, "{\"id\":\"m-1\",\"state\":\"completed\"}");
    Process process = command("migrate", "a", "--to", "b");
    awaitRequest("GET", "/v1/migrations/m-1/events");

    process.destroy();

    assertEquals(143, process.waitFor());
    assertTrue(read("err").contains("had completed before it could be cancelled"), read("err"));
    end.countDown();
  }

  private void awaitRequest(String method, String path) throws InterruptedException {
    FakeNode.Request request;
    do {
      request = node.requests().poll(30, TimeUnit.SECONDS);
      assertNotNull(request, "no " + method + " " + path);
    } while (!request.method().equals(method) || !request.path().equals(path));
  }
}
