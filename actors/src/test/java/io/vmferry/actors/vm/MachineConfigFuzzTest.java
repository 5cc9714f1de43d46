package io.vmferry.actors.vm;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vmferry.actors.guest.MemoryFill;
import io.vmferry.kvm.CpuidEntry;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.testing.Fuzz;
import io.vmferry.streams.testing.JsonMutator;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.apache.pekko.util.ByteString;
import org.junit.jupiter.api.Test;

/** Config payloads of our own guests that are almost good. */
class MachineConfigFuzzTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Test
  void aConfigurationIsTakenOrRefused() throws Exception {
    List<byte[]> good =
        List.of(
            config(new GuestSource.Standard(4 << 20, 0)),
            config(new GuestSource.Idle(MemoryFill.RANDOM)),
            config(new GuestSource.Kernel(Path.of("vmlinux"), Path.of("initrd"), "quiet")));
    for (byte[] one : good) {
      use(one);
    }
    Fuzz.of(MachineConfigFuzzTest.class, 8_000)
        .refusedWith(IOException.class)
        .run(random -> use(new JsonMutator(random).mutate(good.get(random.nextInt(3)))));
  }

  private static byte[] config(GuestSource guest) {
    ObjectNode own = JSON.createObjectNode();
    own.put("name", "vm1");
    own.put("page_size", "4K");
    own.set("guest", JSON.valueToTree(guest));
    own.set("owner", JSON.valueToTree(GuestIdentity.create()));
    return VmMigrationConfig.create(
            2,
            PageSize.KIB_4,
            List.of(new GuestRamMapping(0, 0, 64 << 20, "mem0", false, 0)),
            List.of(new CpuidEntry(7, 1, 1, 0, 0, 0, 9)),
            own)
        .raw()
        .toArray();
  }

  /** What was taken has what everybody reads of it. */
  private static void use(byte[] payload) throws IOException {
    MachineConfig config = MachineConfig.parse(ByteString.fromArray(payload), null);
    VmSpec spec = config.spec();
    Objects.requireNonNull(spec.guest());
    if (spec.guest() instanceof GuestSource.Kernel kernel) {
      Objects.requireNonNull(kernel.kernel());
      Objects.requireNonNull(kernel.withoutDirectories().kernel());
    }
  }
}
