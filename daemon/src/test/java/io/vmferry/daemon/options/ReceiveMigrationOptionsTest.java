package io.vmferry.daemon.options;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.vmferry.daemon.api.ReceiveMigrationRequest;
import org.junit.jupiter.api.Test;

class ReceiveMigrationOptionsTest {
  @Test
  void hasCloudHypervisorsDefaults() {
    assertEquals(
        new ReceiveMigrationRequest("tcp:0.0.0.0:9000", "precopy", null, false, true, false, null),
        ReceiveMigrationOptions.parse("receiver_url=tcp:0.0.0.0:9000"));
  }

  @Test
  void takesTheUrlAloneAndPortZero() {
    assertEquals("tcp:127.0.0.1:0", ReceiveMigrationOptions.parse("tcp:127.0.0.1:0").receiverUrl());
  }

  @Test
  void readsEveryOption() {
    assertEquals(
        new ReceiveMigrationRequest("unix:/run/m.sock", "local", "copy", true, false, false, null),
        ReceiveMigrationOptions.parse(
            "receiver_url=unix:/run/m.sock,local=on,name=copy,verify=on,memory_mode=precopy,"
                + "extensions=off"));
  }

  @Test
  void takesADirectoryOfTlsFilesForTcp() {
    assertEquals(
        "/etc/tls",
        ReceiveMigrationOptions.parse("receiver_url=tcp:h:0,tls_dir=/etc/tls").tlsDir());
    assertThrows(
        OptionSyntaxException.class,
        () -> ReceiveMigrationOptions.parse("receiver_url=unix:/s,tls_dir=/etc/tls"));
  }

  @Test
  void prefaultsForPrecopyOnly() {
    assertEquals(
        true, ReceiveMigrationOptions.parse("receiver_url=tcp:h:0,prefault=on").prefault());

    assertThrows(
        OptionSyntaxException.class,
        () ->
            ReceiveMigrationOptions.parse("receiver_url=tcp:h:0,prefault=on,memory_mode=postcopy"));
  }

  @Test
  void localNeedsASocketFile() {
    OptionSyntaxException e =
        assertThrows(
            OptionSyntaxException.class,
            () -> ReceiveMigrationOptions.parse("receiver_url=tcp:h:1,local=on"));

    assertEquals(
        "local=on passes memory between processes of one host: it needs receiver_url=unix:<path>",
        e.getMessage());
  }
}
