package io.vmferry.streams.config;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import java.util.List;

/**
 * One memslot of the guest in the Config payload.
 *
 * @param slot KVM memslot number, not negative; names the memory in MemoryFd and in a snapshot
 * @param gpa guest physical address of its first byte
 * @param size bytes, more than zero
 * @param zoneId the memory zone it belongs to; mappings of one zone may share a file
 * @param virtioMem whether it is hot-plugged virtio-mem memory
 * @param fileOffset where it begins in its file, in bytes
 */
public record GuestRamMapping(
    int slot, long gpa, long size, String zoneId, boolean virtioMem, long fileOffset) {
  /** The zone of a guest without configured zones, as Cloud Hypervisor calls it. */
  public static final String DEFAULT_ZONE = "mem0";

  private static final long PAGE_MASK = 4095;

  /** Checks what every user relies on: whole pages inside the 63-bit address space. */
  public GuestRamMapping {
    if (slot < 0) {
      throw new IllegalArgumentException("slot " + slot + " is negative");
    }
    if (size <= 0 || gpa < 0 || gpa + size < 0 || fileOffset < 0 || fileOffset + size < 0) {
      throw new IllegalArgumentException("slot " + slot + " is outside the address space");
    }
    if (((gpa | size | fileOffset) & PAGE_MASK) != 0) {
      throw new IllegalArgumentException("slot " + slot + " does not consist of whole pages");
    }
  }

  /** The mapping of one of our regions, in the default zone. */
  public static GuestRamMapping of(GuestRegion region) {
    return new GuestRamMapping(
        region.slot(),
        region.base().value(),
        region.sizeBytes(),
        DEFAULT_ZONE,
        false,
        region.fileOffset());
  }

  /** The mappings of a guest's memory, in its order. */
  public static List<GuestRamMapping> listOf(GuestMemory memory) {
    return memory.regions().stream().map(GuestRamMapping::of).toList();
  }

  /** Whether a file of so many bytes holds all of it. */
  public boolean isInFileOf(long fileBytes) {
    return fileBytes - fileOffset >= size;
  }

  /** The address of the first byte. */
  public Gpa start() {
    return new Gpa(gpa);
  }

  /** The address after the last byte. */
  public long end() {
    return gpa + size;
  }
}
