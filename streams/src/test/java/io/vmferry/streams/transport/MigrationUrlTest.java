package io.vmferry.streams.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MigrationUrlTest {

  @Test
  void readsAllForms() {
    assertEquals(new MigrationUrl.Tcp("host.example", 9000), parse("tcp:host.example:9000"));
    assertEquals(new MigrationUrl.Tcp("0.0.0.0", 0), parse("tcp:0.0.0.0:0"));
    assertEquals(new MigrationUrl.Tcp("::1", 65535), parse("tcp:[::1]:65535"));
    assertEquals(new MigrationUrl.Unix(Path.of("/run/vm.sock")), parse("unix:/run/vm.sock"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"tcp:host:9000", "tcp:[fe80::1]:1", "unix:/run/vm.sock"})
  void writesWhatItRead(String url) {
    assertEquals(url, parse(url).toString());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "tcp:|the port is missing",
        "tcp:host|the port is missing",
        "tcp:host:|the port is missing",
        "tcp::9000|the host must not be empty",
        "tcp:host:65536|port 65536 is not between 0 and 65535",
        "tcp:host:-1|port '-1' is not a port number",
        "tcp:host:90a|port '90a' is not a port number",
        "tcp:host:123456789012|port '123456789012' is not a port number",
        "tcp:::1:9000|an IPv6 address must stand in brackets",
        "tcp:[::1:9000|the closing ] is missing",
        "tcp:[::1]|the port is missing",
        "unix:|the path must not be empty",
        "udp:host:1|it must begin with tcp: or unix:",
        "/run/vm.sock|it must begin with tcp: or unix:",
      })
  void refusesWithOneSentence(String url, String why) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> parse(url));

    assertEquals(
        "Migration URL '"
            + url
            + "' is not valid: "
            + why
            + ". Write tcp:HOST:PORT, tcp:[IPV6]:PORT or unix:/PATH.",
        e.getMessage());
  }

  @Test
  void refusesPathsAUnixSocketCannotHave() {
    parse("unix:/" + "x".repeat(106));

    String tooLong = "unix:/" + "x".repeat(107);
    String message =
        assertThrows(IllegalArgumentException.class, () -> parse(tooLong)).getMessage();
    assertTrue(message.contains("the path has 108 bytes, a UNIX socket takes 107"), message);
    assertThrows(IllegalArgumentException.class, () -> parse("unix:/a\0b"));
  }

  private static MigrationUrl parse(String url) {
    return MigrationUrl.parse(url);
  }
}
