package io.vmferry.streams.config;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.vmferry.kvm.CpuidEntry;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.testing.Fuzz;
import io.vmferry.streams.testing.JsonMutator;
import io.vmferry.streams.wire.ProtocolException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Config payloads that are almost good. */
class ConfigFuzzTest {
  @Test
  void aPayloadIsTakenOrRefused() throws Exception {
    byte[] good =
        VmMigrationConfig.create(
                2,
                PageSize.MIB_2,
                List.of(
                    new GuestRamMapping(0, 0, 3L << 30, "mem0", false, 0),
                    new GuestRamMapping(1, 4L << 30, 1L << 30, "mem0", false, 3L << 30)),
                List.of(new CpuidEntry(7, 1, 1, 0, 0, 0, 9)),
                JsonNodeFactory.instance.objectNode().put("name", "vm1"))
            .raw()
            .toArray();
    Fuzz.of(ConfigFuzzTest.class, 10_000)
        .refusedWith(ProtocolException.class)
        .run(random -> readAll(new JsonMutator(random).mutate(good)));
  }

  private static void readAll(byte[] payload) throws ProtocolException {
    VmMigrationConfig config = VmMigrationConfig.parse(payload);
    if (config.memoryBytes() <= 0) {
      throw new AssertionError(config.memoryBytes() + " bytes of memory");
    }
    config.vmConfig();
    if (config.isVmferryGuest()) {
      config.machine();
    }
    config.commonCpuid();
    config.pageSize();
    config.cpus();
  }
}
