package io.vmferry.daemon.offload;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.snapshot.store.SnapshotNames;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.InstantSource;
import org.junit.jupiter.api.Test;

class ServedNamesTest {
  private static final InstantSource NOON =
      InstantSource.fixed(Instant.parse("2026-11-27T12:00:00.5Z"));

  private static VmMigrationConfig config(String members) throws Exception {
    String json =
        "{"
            + members
            + ",\"memory_manager_data\":{\"guest_ram_mappings\":[{\"slot\":0,\"gpa\":0,"
            + "\"size\":4096,\"zone_id\":\"mem0\",\"virtio_mem\":false,\"file_offset\":0}]}}";
    return VmMigrationConfig.parse(json.getBytes(StandardCharsets.UTF_8));
  }

  private static String own(String name) {
    return "\"vm_config\":{},\"vmferry\":{\"version\":1,\"machine\":{\"name\":\"" + name + "\"}}";
  }

  @Test
  void aNameIsTheGuestsAndTheTime() throws Exception {
    ServedNames names = new ServedNames(NOON, name -> false);
    assertEquals("web-20261127T120000Z", names.next(config(own("web"))));
    assertEquals(
        "3f0c-20261127T120000Z",
        names.next(config("\"vm_config\":{\"platform\":{\"uuid\":\"3f0c\"}}")));
    assertEquals("guest-20261127T120000Z", names.next(config("\"vm_config\":{}")));
  }

  @Test
  void noNameIsGivenTwiceOrTaken() throws Exception {
    ServedNames names = new ServedNames(NOON, "web-20261127T120000Z-2"::equals);
    assertEquals("web-20261127T120000Z", names.next(config(own("web"))));
    assertEquals("web-20261127T120000Z-3", names.next(config(own("web"))));
  }

  @Test
  void whatIsNoFileNameDoesNotGetThere() throws Exception {
    ServedNames names = new ServedNames(NOON, name -> false);
    assertEquals("a_.._b-20261127T120000Z", names.next(config(own("a/../b"))));
    assertEquals("guest-20261127T120000Z", names.next(config(own("../../etc"))));
    assertTrue(SnapshotNames.isOne(names.next(config(own("w".repeat(300))))));
  }
}
