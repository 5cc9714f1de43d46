package io.vmferry.streams.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vmferry.kvm.CpuidEntry;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.WireLimits;
import java.math.BigInteger;
import java.util.List;
import org.apache.pekko.util.ByteString;

/**
 * Writes the Config payload of our own guests, every field that Cloud Hypervisor's types require.
 */
final class VmMigrationConfigWriter {
  // What follows our RAM below 4 GiB: device space, then PCI configuration space, as Cloud
  // Hypervisor lays it out. Source: arch/src/x86_64/layout.rs, MEM_32BIT_DEVICES_SIZE,
  // PCI_MMCONFIG_SIZE.
  private static final long DEVICE_BYTES = 640L << 20;
  private static final long MMCONFIG_BYTES = 256L << 20;

  // usize::MAX: "to the end".
  private static final BigInteger U64_MAX = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);

  // Source: vmm/src/memory_manager.rs, HOTPLUG_COUNT.
  private static final int HOTPLUG_SLOTS = 8;

  private VmMigrationConfigWriter() {}

  static VmMigrationConfig write(
      int cpus,
      PageSize pageSize,
      List<GuestRamMapping> mappings,
      List<CpuidEntry> cpuid,
      JsonNode machine) {
    if (cpus <= 0 || mappings.isEmpty() || mappings.size() > WireLimits.MEMORY_FDS) {
      throw new IllegalArgumentException(
          "a guest of " + cpus + " CPUs and " + mappings.size() + " memory mappings");
    }
    if (!machine.isObject()) {
      throw new IllegalArgumentException("the machine must be a JSON object");
    }
    VmMigrationConfig.checkDisjoint(mappings);
    ObjectNode root = VmMigrationConfig.JSON.createObjectNode();
    long memoryBytes = mappings.stream().mapToLong(GuestRamMapping::size).sum();
    vmConfig(root.putObject("vm_config"), cpus, memoryBytes, pageSize);
    commonCpuid(root.putArray("common_cpuid"), cpuid);
    memoryManagerData(root.putObject("memory_manager_data"), mappings, memoryBytes);
    root.putObject(VmMigrationConfig.VMFERRY)
        .put("version", VmMigrationConfig.VMFERRY_VERSION)
        .set("machine", machine);
    try {
      return VmMigrationConfig.parse(
          ByteString.fromArrayUnsafe(VmMigrationConfig.JSON.writeValueAsBytes(root)));
    } catch (ProtocolException | JsonProcessingException e) {
      throw new IllegalStateException("the Config written here is not valid", e);
    }
  }

  private static void vmConfig(ObjectNode vm, int cpus, long memoryBytes, PageSize pageSize) {
    vm.putObject("cpus").put("boot_vcpus", cpus).put("max_vcpus", cpus);
    ObjectNode memory = vm.putObject("memory").put("size", memoryBytes).put("shared", true);
    memory.put("hugepages", pageSize.isHuge());
    if (pageSize.isHuge()) {
      memory.put("hugepage_size", pageSize.bytes());
    }
    vm.putNull("payload");
  }

  private static void commonCpuid(ArrayNode array, List<CpuidEntry> cpuid) {
    for (CpuidEntry entry : cpuid) {
      array
          .addObject()
          .put("function", Integer.toUnsignedLong(entry.function()))
          .put("index", Integer.toUnsignedLong(entry.index()))
          .put("flags", Integer.toUnsignedLong(entry.flags()))
          .put("eax", Integer.toUnsignedLong(entry.eax()))
          .put("ebx", Integer.toUnsignedLong(entry.ebx()))
          .put("ecx", Integer.toUnsignedLong(entry.ecx()))
          .put("edx", Integer.toUnsignedLong(entry.edx()));
    }
  }

  private static void memoryManagerData(
      ObjectNode data, List<GuestRamMapping> mappings, long memoryBytes) {
    // The ranges that a snapshot file holds; a migration has no such file.
    data.putObject("memory_ranges").putArray("data");
    ArrayNode array = data.putArray("guest_ram_mappings");
    long end = 0;
    int lastSlot = 0;
    for (GuestRamMapping mapping : mappings) {
      array
          .addObject()
          .put("slot", mapping.slot())
          .put("gpa", mapping.gpa())
          .put("size", mapping.size())
          .put("zone_id", mapping.zoneId())
          .put("virtio_mem", mapping.virtioMem())
          .put("file_offset", mapping.fileOffset());
      end = Math.max(end, mapping.end());
      lastSlot = Math.max(lastSlot, mapping.slot());
    }
    data.put("start_of_device_area", Math.max(end, GuestMemory.HIGH_BASE));
    data.put("boot_ram", memoryBytes);
    data.put("current_ram", memoryBytes);
    ArrayNode arch = data.putArray("arch_mem_regions");
    region(arch, 0, BigInteger.valueOf(GuestMemory.LOW_LIMIT), "Ram");
    region(arch, GuestMemory.HIGH_BASE, U64_MAX, "Ram");
    region(arch, GuestMemory.LOW_LIMIT, BigInteger.valueOf(DEVICE_BYTES), "SubRegion");
    region(
        arch, GuestMemory.LOW_LIMIT + DEVICE_BYTES, BigInteger.valueOf(MMCONFIG_BYTES), "Reserved");
    ArrayNode hotplug = data.putArray("hotplug_slots");
    for (int i = 0; i < HOTPLUG_SLOTS; i++) {
      hotplug
          .addObject()
          .put("base", 0)
          .put("length", 0)
          .put("active", false)
          .put("inserting", false)
          .put("removing", false);
    }
    data.put("next_memory_slot", lastSlot + 1);
    data.put("selected_slot", 0);
    data.put("next_hotplug_slot", 0);
  }

  private static void region(ArrayNode array, long base, BigInteger size, String type) {
    array.addObject().put("base", base).put("size", size).put("r_type", type);
  }
}
