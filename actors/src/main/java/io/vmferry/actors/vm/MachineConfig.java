package io.vmferry.actors.vm;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vmferry.actors.machine.Machine;
import io.vmferry.kvm.CpuidEntry;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import java.io.IOException;
import java.util.List;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * What the Config command says of one of our guests.
 *
 * <p>Our own part is {@code {"name", "page_size", "guest": {"kind", ...}}}. Source:
 * docs/protocol.md#config.
 *
 * @param spec the guest's configuration, its name as it will be on the destination
 * @param mappings its memslots
 * @param cpuid what it sees of the CPU
 * @param identity which guest it is, with the generation that its next owner holds; null if the
 *     source does not say
 */
public record MachineConfig(
    VmSpec spec,
    List<GuestRamMapping> mappings,
    List<CpuidEntry> cpuid,
    @Nullable GuestIdentity identity) {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Copies the lists. */
  public MachineConfig {
    mappings = List.copyOf(mappings);
    cpuid = List.copyOf(cpuid);
  }

  /**
   * The payload for a guest of this host.
   *
   * @param identity what the guest is for its next owner; null for a peer that does not look
   */
  public static ByteString json(VmSpec spec, Machine machine, @Nullable GuestIdentity identity) {
    ObjectNode own = JSON.createObjectNode();
    own.put("name", spec.name());
    own.put("page_size", spec.pageSize().label());
    own.set("guest", JSON.valueToTree(travelling(spec.guest())));
    if (identity != null) {
      own.set("owner", JSON.valueToTree(identity));
    }
    List<GuestRamMapping> mappings =
        machine.memory().regions().stream().map(GuestRamMapping::of).toList();
    return VmMigrationConfig.create(spec.cpus(), spec.pageSize(), mappings, machine.cpuid(), own)
        .raw();
  }

  private static @Nullable GuestIdentity identity(JsonNode own) throws JsonProcessingException {
    return own.has("owner") ? JSON.treeToValue(own.path("owner"), GuestIdentity.class) : null;
  }

  /** A guest that runs needs no file: of those it was booted from only the names go along. */
  private static GuestSource travelling(GuestSource guest) {
    return guest instanceof GuestSource.Kernel kernel ? kernel.withoutDirectories() : guest;
  }

  /** Jackson makes null of null. */
  private static GuestSource guest(JsonNode json) throws JsonProcessingException {
    GuestSource guest = JSON.treeToValue(json, GuestSource.class);
    if (guest == null) {
      throw new IllegalArgumentException("it does not say what the guest is");
    }
    return guest;
  }

  /**
   * Reads a payload.
   *
   * @param name the guest's name here, or null for the one it brings
   * @throws IOException with one sentence for the user if it is not one of our guests, or damaged
   */
  public static MachineConfig parse(ByteString json, @Nullable String name) throws IOException {
    VmMigrationConfig config = VmMigrationConfig.parse(json);
    JsonNode own = config.machine();
    try {
      VmSpec spec =
          new VmSpec(
              name == null ? own.path("name").asText() : name,
              config.cpus(),
              config.memoryBytes(),
              PageSize.parse(own.path("page_size").asText()),
              guest(own.path("guest")));
      return new MachineConfig(spec, config.mappings(), config.commonCpuid(), identity(own));
    } catch (JsonProcessingException | IllegalArgumentException e) {
      throw new IOException("The guest's configuration is damaged: " + e.getMessage(), e);
    }
  }
}
