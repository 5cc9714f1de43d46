package io.vmferry.actors.migration;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.machine.MemoryBudget;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.MachineConfig;
import io.vmferry.kvm.CpuidEntry;
import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.KvmSystem;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.streams.config.GuestRamMapping;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Makes the machine that a source's configuration asks for, before any memory moves. */
final class ArrivingMachine {
  private ArrivingMachine() {}

  /**
   * Checks the CPU, finds the memory, makes the machine.
   *
   * @param options the mode, and whether memory is prefaulted
   * @param memoryFds memory handed over, by slot; empty if memory is sent. In postcopy its pages
   *     may be missing, in any other mode it is whole. The descriptors stay the caller's
   * @throws IOException with one sentence for the user if this host cannot run the guest
   */
  static Machine build(
      MachineConfig config,
      ReceiveOptions options,
      KvmSystem system,
      Map<Integer, OwnedFd> memoryFds)
      throws IOException {
    requireCpu(config.cpuid(), system.supportedCpuid());
    if (memoryFds.isEmpty() && options.mode() == MemoryMode.LOCAL) {
      throw new MigrationException(
          FailureCode.INVALID_REQUEST,
          "The source handed over no memory; is its migration local, too?");
    }
    if (!memoryFds.isEmpty() && options.mode() == MemoryMode.HYBRID) {
      throw new MigrationException(
          FailureCode.INVALID_REQUEST,
          "The source hands its memory over; receive it without memory_mode=hybrid.");
    }
    GuestMemory memory =
        memoryFds.isEmpty()
            ? MemoryBudget.allocate(config.spec().memoryBytes(), config.spec().pageSize())
            : adopt(config, memoryFds);
    requireSameLayout(config, memory);
    if (options.prefault()) {
      prefault(memory);
    }
    return Machine.create(system, config.spec().name(), memory, config.cpuid());
  }

  private static void requireCpu(List<CpuidEntry> wanted, List<CpuidEntry> offered)
      throws IOException {
    List<String> missing = CpuFeatures.missing(wanted, offered);
    if (!missing.isEmpty()) {
      throw new MigrationException(
          FailureCode.INCOMPATIBLE_CPU,
          "This host's CPU lacks what the guest may use: " + String.join(", ", missing) + ".");
    }
  }

  private static GuestMemory adopt(MachineConfig config, Map<Integer, OwnedFd> memoryFds)
      throws IOException {
    List<GuestRegion> regions = new ArrayList<>();
    try {
      for (GuestRamMapping mapping : config.mappings()) {
        OwnedFd fd = memoryFds.get(mapping.slot());
        if (fd == null) {
          throw new MigrationException(
              FailureCode.PROTOCOL_VIOLATION,
              "The source handed over no memory for slot " + mapping.slot() + ".");
        }
        Memfd memfd = Memfd.adopt(fd.duplicate(), config.spec().pageSize());
        if (!mapping.isInFileOf(memfd.sizeBytes())) {
          memfd.close();
          throw new MigrationException(
              FailureCode.PROTOCOL_VIOLATION,
              "The memory file of slot " + mapping.slot() + " is smaller than the slot.");
        }
        regions.add(
            GuestRegion.map(
                mapping.slot(),
                new Gpa(mapping.gpa()),
                mapping.size(),
                memfd,
                mapping.fileOffset()));
      }
      return GuestMemory.adopt(regions);
    } catch (IOException | IllegalArgumentException e) {
      regions.forEach(region -> region.mapping().close());
      regions.forEach(region -> region.memfd().close());
      throw e;
    }
  }

  private static void prefault(GuestMemory memory) throws IOException {
    try {
      for (GuestRegion region : memory.regions()) {
        region.mapping().populate(0, region.sizeBytes());
      }
    } catch (IOException e) {
      memory.close();
      throw e;
    }
  }

  private static void requireSameLayout(MachineConfig config, GuestMemory memory)
      throws IOException {
    for (GuestRamMapping mapping : config.mappings()) {
      if (memory.find(new Gpa(mapping.gpa()), mapping.size()) == null) {
        memory.close();
        throw new MigrationException(
            FailureCode.INCOMPATIBLE_GUEST,
            String.format(
                "The guest has memory at 0x%x, where this version of vmferry puts none.",
                mapping.gpa()));
      }
    }
  }
}
