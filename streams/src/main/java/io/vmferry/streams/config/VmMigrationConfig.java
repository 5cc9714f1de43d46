package io.vmferry.streams.config;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.vmferry.kvm.CpuidEntry;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * The payload of Config.
 *
 * <p>Only {@code memory_manager_data.guest_ram_mappings} is required and checked when it is read:
 * that is all a daemon needs, and it passes the bytes on exactly as they came. The other parts are
 * read when they are asked for. Unknown keys are ignored anywhere. Our own guests add {@code
 * "vmferry": {"version": 1, "machine": {...}}}, which a Cloud Hypervisor parser skips.
 *
 * <p>Immutable. Source: docs/protocol.md#config; Cloud Hypervisor, vmm/src/lib.rs
 * VmMigrationConfig, vmm/src/memory_manager.rs MemoryManagerSnapshotData.
 */
public final class VmMigrationConfig {
  /** Version of our own part. */
  public static final int VMFERRY_VERSION = 1;

  static final String VMFERRY = "vmferry";

  // A node costs some 50 bytes of heap; a real Config has a few thousand tokens.
  private static final int MAX_TOKENS = 1_000_000;

  static final ObjectMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  // serde refuses a field that comes twice; one of two meanings would be a trap.
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxTokenCount(MAX_TOKENS).build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private final ByteString raw;
  private final JsonNode root;
  private final List<GuestRamMapping> mappings;

  private VmMigrationConfig(ByteString raw, JsonNode root, List<GuestRamMapping> mappings) {
    this.raw = raw;
    this.root = root;
    this.mappings = mappings;
  }

  /**
   * Reads a payload.
   *
   * @throws ProtocolException if it is not JSON, or its memory mappings are missing, overlap,
   *     repeat a slot, or are not whole pages
   */
  public static VmMigrationConfig parse(byte[] payload) throws ProtocolException {
    return parse(ByteString.fromArray(payload));
  }

  /**
   * Reads a payload.
   *
   * @throws ProtocolException as {@link #parse(byte[])}
   */
  public static VmMigrationConfig parse(ByteString payload) throws ProtocolException {
    JsonNode root = read(payload);
    return new VmMigrationConfig(payload, root, mappings(root));
  }

  private static JsonNode read(ByteString payload) throws ProtocolException {
    JsonNode root;
    try {
      root = JSON.readTree(payload.asInputStream());
    } catch (JsonProcessingException e) {
      throw notJson(e.getOriginalMessage());
    } catch (IOException e) {
      throw notJson(String.valueOf(e.getMessage()));
    }
    if (!root.isObject()) {
      throw notJson(root.isMissingNode() ? "it is empty" : "it is no object");
    }
    return root;
  }

  private static ProtocolException notJson(String why) {
    return new ProtocolException("Config with one JSON object", "something else: " + why);
  }

  private static List<GuestRamMapping> mappings(JsonNode root) throws ProtocolException {
    String path = "memory_manager_data.guest_ram_mappings";
    JsonNode array =
        JsonFields.array(JsonFields.at(root, "memory_manager_data"), "guest_ram_mappings", path);
    if (array.isEmpty() || array.size() > WireLimits.MEMORY_FDS) {
      throw new ProtocolException(
          "Config with 1 to " + WireLimits.MEMORY_FDS + " memory mappings",
          Integer.toString(array.size()));
    }
    List<GuestRamMapping> all = new ArrayList<>();
    for (int i = 0; i < array.size(); i++) {
      all.add(mapping(array.path(i), path + '[' + i + ']'));
    }
    try {
      checkDisjoint(all);
    } catch (IllegalArgumentException e) {
      throw new ProtocolException("Config with usable memory mappings", e.getMessage() + "");
    }
    return List.copyOf(all);
  }

  private static GuestRamMapping mapping(JsonNode entry, String path) throws ProtocolException {
    try {
      return new GuestRamMapping(
          JsonFields.u32(entry, "slot", path),
          JsonFields.bytes(entry, "gpa", path),
          JsonFields.bytes(entry, "size", path),
          entry.path("zone_id").asText(""),
          entry.path("virtio_mem").asBoolean(false),
          JsonFields.bytes(entry, "file_offset", path));
    } catch (IllegalArgumentException e) {
      throw new ProtocolException("Config with usable " + path, String.valueOf(e.getMessage()));
    }
  }

  /** Checks that no slot comes twice and no two mappings overlap in the guest. */
  static void checkDisjoint(List<GuestRamMapping> mappings) {
    Set<Integer> slots = new HashSet<>();
    List<GuestRamMapping> byAddress = new ArrayList<>(mappings);
    byAddress.sort((a, b) -> Long.compare(a.gpa(), b.gpa()));
    for (int i = 0; i < byAddress.size(); i++) {
      GuestRamMapping mapping = byAddress.get(i);
      if (!slots.add(mapping.slot())) {
        throw new IllegalArgumentException("slot " + mapping.slot() + " twice");
      }
      if (i > 0 && byAddress.get(i - 1).end() > mapping.gpa()) {
        throw new IllegalArgumentException(
            "slots " + byAddress.get(i - 1).slot() + " and " + mapping.slot() + " overlapping");
      }
    }
  }

  /**
   * Makes the payload of one of our own guests. It is in every part what Cloud Hypervisor's types
   * read, so its offload daemon can keep and return it.
   *
   * @param cpus virtual CPUs, more than zero
   * @param pageSize of the guest's memory on the host
   * @param mappings the guest's memory, at least one
   * @param cpuid what the guest's CPUID answers, which the destination must be able to give
   * @param machine our own description, returned by {@link #machine}
   */
  public static VmMigrationConfig create(
      int cpus,
      PageSize pageSize,
      List<GuestRamMapping> mappings,
      List<CpuidEntry> cpuid,
      JsonNode machine) {
    return VmMigrationConfigWriter.write(cpus, pageSize, mappings, cpuid, machine);
  }

  /** The payload, exactly as it came or is to be sent. */
  public ByteString raw() {
    return raw;
  }

  /** The guest's memory, in the order of the payload; disjoint, each slot once. */
  public List<GuestRamMapping> mappings() {
    return mappings;
  }

  /** The mapping of a slot, null if there is none. */
  public @Nullable GuestRamMapping mapping(int slot) {
    for (GuestRamMapping mapping : mappings) {
      if (mapping.slot() == slot) {
        return mapping;
      }
    }
    return null;
  }

  /** Size of the guest's memory: all mappings together, in bytes. */
  public long memoryBytes() {
    return mappings.stream().mapToLong(GuestRamMapping::size).sum();
  }

  /**
   * Virtual CPUs that run: {@code vm_config.cpus.boot_vcpus}; 1 if there is none.
   *
   * @throws ProtocolException if that is not a number
   */
  public int cpus() throws ProtocolException {
    JsonNode cpus = root.path("vm_config").path("cpus");
    return cpus.isMissingNode() ? 1 : JsonFields.u32(cpus, "boot_vcpus", "vm_config.cpus");
  }

  /**
   * The host page size of the guest's memory: {@code vm_config.memory.hugepages} and {@code
   * hugepage_size}; 4 KiB if there are none. Memory zones may differ; see {@code vm_config} then.
   *
   * @throws ProtocolException if it is a size that the hardware does not have
   */
  public PageSize pageSize() throws ProtocolException {
    JsonNode memory = root.path("vm_config").path("memory");
    if (!memory.path("hugepages").asBoolean(false)) {
      return PageSize.KIB_4;
    }
    if (memory.path("hugepage_size").isNull() || memory.path("hugepage_size").isMissingNode()) {
      return PageSize.MIB_2;
    }
    long bytes = JsonFields.bytes(memory, "hugepage_size", "vm_config.memory");
    try {
      return PageSize.ofBytes(bytes);
    } catch (IllegalArgumentException e) {
      throw new ProtocolException("Config with pages of 4 KiB, 2 MiB or 1 GiB", bytes + " bytes");
    }
  }

  /**
   * What the guest's CPUID answers; empty if the payload has none (another architecture).
   *
   * @throws ProtocolException if an entry has another form
   */
  public List<CpuidEntry> commonCpuid() throws ProtocolException {
    if (root.path("common_cpuid").isMissingNode()) {
      return List.of();
    }
    JsonNode array = JsonFields.array(root, "common_cpuid", "common_cpuid");
    List<CpuidEntry> all = new ArrayList<>();
    for (int i = 0; i < array.size(); i++) {
      JsonNode entry = array.path(i);
      String path = "common_cpuid[" + i + ']';
      all.add(
          new CpuidEntry(
              JsonFields.u32(entry, "function", path),
              JsonFields.u32(entry, "index", path),
              JsonFields.u32(entry, "flags", path),
              JsonFields.u32(entry, "eax", path),
              JsonFields.u32(entry, "ebx", path),
              JsonFields.u32(entry, "ecx", path),
              JsonFields.u32(entry, "edx", path)));
    }
    return List.copyOf(all);
  }

  /** The VMM's own configuration of the guest; a missing node if there is none. */
  public JsonNode vmConfig() {
    return root.path("vm_config").deepCopy();
  }

  /** Whether one of our own guests is described, not one of another VMM. */
  public boolean isVmferryGuest() {
    return root.has(VMFERRY);
  }

  /**
   * Our own description of the machine.
   *
   * @throws ProtocolException if another VMM's guest is described, or another version of ours
   */
  public JsonNode machine() throws ProtocolException {
    JsonNode own = root.path(VMFERRY);
    if (own.isMissingNode()) {
      throw new ProtocolException(
          "Config of a vmferry guest", "one without the key " + VMFERRY + ", of another VMM");
    }
    int version = JsonFields.u32(own, "version", VMFERRY);
    if (version != VMFERRY_VERSION) {
      throw new ProtocolException(
          "Config of vmferry's version " + VMFERRY_VERSION,
          "version " + Integer.toUnsignedString(version));
    }
    JsonNode machine = own.path("machine");
    if (!machine.isObject()) {
      throw JsonFields.wrong(VMFERRY + ".machine", "an object", machine);
    }
    return machine.deepCopy();
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof VmMigrationConfig config && raw.equals(config.raw);
  }

  @Override
  public int hashCode() {
    return Objects.hash(raw);
  }

  @Override
  public String toString() {
    return "Config of " + raw.size() + " bytes, " + mappings.size() + " memory mappings";
  }
}
