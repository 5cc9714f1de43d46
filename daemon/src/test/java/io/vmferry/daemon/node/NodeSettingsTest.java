package io.vmferry.daemon.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NodeSettingsTest {
  @TempDir private Path directory;

  private static NodeFlags flags(Path config) {
    return new NodeFlags(config, null, HttpFlags.at(null), null, List.of(), null, null, null);
  }

  private Path file(String text) throws IOException {
    return Files.writeString(directory.resolve("node.conf"), text);
  }

  @Test
  void withoutFlagsAndFileTheDefaultsHold() {
    NodeSettings settings = NodeSettings.read(flags(null));

    assertEquals(new HostPort("127.0.0.1", 8700), settings.http().address());
    assertEquals(new HostPort("127.0.0.1", 8701), settings.cluster());
    assertEquals(List.of(), settings.seeds());
    assertNull(settings.data());
  }

  @Test
  void aFlagIsAboveTheFileAndTheFileAboveTheDefaults() throws Exception {
    Path file =
        file(
            "vmferry.node { name = file, http.address = \"127.0.0.1:1\", cluster = \"127.0.0.1:2\","
                + " seeds = [\"h:3\"], ask-timeout = 7s }\n"
                + "vmferry.cluster.stale-after = 9s\n"
                + "pekko.cluster.seed-node-timeout = 3s");

    NodeSettings settings =
        NodeSettings.read(
            new NodeFlags(
                file, "flag", HttpFlags.at(null), "127.0.0.1:5", List.of(), directory, null, null));

    assertEquals("flag", settings.name());
    assertEquals(new HostPort("127.0.0.1", 1), settings.http().address());
    assertEquals(new HostPort("127.0.0.1", 5), settings.cluster());
    assertEquals(List.of(new HostPort("h", 3)), settings.seeds());
    assertEquals(directory, settings.data());
    assertEquals(7, settings.askTimeout().toSeconds());
    assertEquals("flag", settings.config().getString("vmferry.cluster.node-name"));
    assertEquals(5, settings.config().getInt("pekko.remote.artery.canonical.port"));
    assertEquals(9, settings.config().getDuration("vmferry.cluster.stale-after").toSeconds());
    assertEquals("3s", settings.config().getString("pekko.cluster.seed-node-timeout"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "vmferry.node.nam = x",
        "vmferry.nodes.name = x",
        "node.name = x",
        "vmferry.node { name = ",
        "vmferry.node.join-timeout = soon",
        "vmferry.node.join-timeout = 0s",
        "vmferry.node.history = 0",
        "vmferry.node.seeds = here",
        "vmferry.cluster.stale-after = soon",
        "vmferry.node.http = \"127.0.0.1:1\"",
        "vmferry.node.http.token-files = x",
        "vmferry.node.http.requests-per-second = 0",
        "vmferry.node.http.burst = 0",
        "vmferry.node.http.request-time = 0s",
      })
  void aFileThatIsWrongIsTheCallersError(String text) throws Exception {
    NodeFlags flags = flags(file(text));

    NodeFailure failure = assertThrows(NodeFailure.class, () -> NodeSettings.read(flags));

    assertTrue(failure.isUsage(), failure::toString);
  }

  @Test
  void aMisspeltKeyIsNamed() throws Exception {
    NodeFlags flags = flags(file("\nvmferry.node.nam = x"));

    assertEquals(
        "The configuration file has no key 'vmferry.node.nam' (line 2): see --help",
        assertThrows(NodeFailure.class, () -> NodeSettings.read(flags)).getMessage());
  }

  @Test
  void aSeedNeedsAPort() {
    NodeFlags flags =
        new NodeFlags(null, null, HttpFlags.at(null), null, List.of("h:0"), null, null, null);

    assertThrows(NodeFailure.class, () -> NodeSettings.read(flags));
  }

  @ParameterizedTest
  @CsvSource({"127.0.0.1:80,127.0.0.1,80", "host:0,host,0", "[::1]:65535,::1,65535"})
  void readsHostAndPort(String text, String host, int port) {
    HostPort read = HostPort.parse("--x", text);

    assertEquals(new HostPort(host, port), read);
    assertEquals(text, read.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "host", ":80", "host:", "host:x", "host:-1", "host:65536", "::1:80"})
  void rejectsWhatIsNot(String text) {
    assertThrows(NodeFailure.class, () -> HostPort.parse("--x", text));
  }
}
