package io.vmferry.daemon.options;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.vmferry.daemon.api.SendMigrationRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SendMigrationOptionsTest {
  @Test
  void hasCloudHypervisorsDefaults() {
    SendMigrationRequest request = SendMigrationOptions.parse("destination_url=tcp:host:9000");

    assertEquals(
        SendMigrationRequest.to("tcp:host:9000", "precopy")
            .extensions(true)
            .preserveSource(false)
            .compression("auto")
            .autoConverge(true)
            .build(),
        request);
  }

  @Test
  void takesTheUrlAlone() {
    assertEquals(
        SendMigrationOptions.parse("destination_url=tcp:[::1]:9000"),
        SendMigrationOptions.parse("tcp:[::1]:9000"));
  }

  @Test
  void readsEveryOption() {
    SendMigrationRequest request =
        SendMigrationOptions.parse(
            "destination_url=tcp:10.0.0.2:9000,memory_mode=postcopy,connections=4,downtime_ms=50,"
                + "timeout_s=60,timeout_strategy=Ignore,bandwidth=10M/s,verify=on,local=off,"
                + "extensions=off,compression=LZ4,auto_converge=off,tls_dir=/etc/vmferry/tls");

    assertEquals(
        SendMigrationRequest.to("tcp:10.0.0.2:9000", "postcopy")
            .connections(4)
            .downtimeMs(50)
            .timeout(60, "ignore")
            .bandwidth(10 << 20)
            .verify(true)
            .extensions(false)
            .preserveSource(false)
            .compression("lz4")
            .autoConverge(false)
            .tlsDir("/etc/vmferry/tls")
            .build(),
        request);
  }

  @Test
  void localHandsMemoryOverThroughASocketFile() {
    SendMigrationRequest request =
        SendMigrationOptions.parse("destination_url=unix:/run/m.sock,local=on");

    assertEquals("local", request.memoryMode());
  }

  @Test
  void aQuotedValueKeepsItsComma() {
    SendMigrationRequest request =
        SendMigrationOptions.parse("destination_url=\"unix:/run/a,b.sock\"");

    assertEquals("unix:/run/a,b.sock", request.destinationUrl());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "destination_url=tcp:host           | destination_url=tcp:host: write tcp:<host>:<port> or unix:<path>",
        "destination_url=tcp:host:0         | destination_url=tcp:host:0: write tcp:<host>:<port> or unix:<path> with a port from 1 to 65535",
        "destination_url=udp:host:1         | destination_url=udp:host:1: write tcp:<host>:<port> or unix:<path>",
        "destination_url=unix:              | destination_url=unix:: write tcp:<host>:<port> or unix:<path>",
        "memory_mode=precopy                | destination_url is required, such as destination_url=tcp:host:9000",
        "destination_url=tcp:h:1,speed=9    | Unknown option 'speed'; the names are destination_url, memory_mode, local, connections, downtime_ms, timeout_s, timeout_strategy, bandwidth, verify, extensions, compression, auto_converge, tls_dir, preserve_source",
        "destination_url=tcp:h:1,local      | 'local' is not name=value; the names are destination_url, memory_mode, local, connections, downtime_ms, timeout_s, timeout_strategy, bandwidth, verify, extensions, compression, auto_converge, tls_dir, preserve_source",
        "destination_url=tcp:h:1,local=yes  | local=yes: write on or off",
        "destination_url=tcp:h:1,local=on   | local=on passes memory between processes of one host: it needs destination_url=unix:<path>",
        "destination_url=unix:/s,connections=2 | connections=2 needs destination_url=tcp:<host>:<port>",
        "destination_url=tcp:h:1,connections=129 | connections=129: write a whole number from 1 to 128",
        "destination_url=tcp:h:1,downtime_ms=0 | downtime_ms=0: write a whole number from 1 to 2147483647",
        "destination_url=tcp:h:1,compression=rar | compression=rar: write one of auto, zstd, lz4, off",
        "destination_url=tcp:h:1,timeout_strategy=pray | timeout_strategy=pray: write one of cancel, ignore",
        "destination_url=unix:/s,local=on,memory_mode=postcopy | local=on and memory_mode=postcopy exclude each other: with local=on no page is sent",
        "destination_url=tcp:h:1,destination_url=tcp:h:2 | Option 'destination_url' is given twice",
        "destination_url=unix:/s,tls_dir=/x | tls_dir needs destination_url=tcp:<host>:<port>",
        "destination_url=unix:/s,preserve_source=on | preserve_source=on needs local=on: it is for snapshots"
      })
  void saysWhatIsWrong(String options, String message) {
    OptionSyntaxException e =
        assertThrows(OptionSyntaxException.class, () -> SendMigrationOptions.parse(options));

    assertEquals(message, e.getMessage());
  }

  @Test
  void refusesAQuoteWithoutItsPartner() {
    assertThrows(
        OptionSyntaxException.class, () -> SendMigrationOptions.parse("destination_url=\"tcp:h:1"));
  }
}
