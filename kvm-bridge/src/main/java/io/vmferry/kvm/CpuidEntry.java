package io.vmferry.kvm;

import com.sun.jna.Pointer;
import java.util.ArrayList;
import java.util.List;

/**
 * One CPUID leaf as the guest sees it. All registers are unsigned 32-bit values.
 *
 * <p>Source: arch/x86/include/uapi/asm/kvm.h, struct kvm_cpuid_entry2, 40 bytes.
 *
 * @param function EAX on entry
 * @param index ECX on entry, where {@link #SIGNIFICANT_INDEX} is set in the flags
 * @param flags KVM_CPUID_FLAG_*
 */
public record CpuidEntry(int function, int index, int flags, int eax, int ebx, int ecx, int edx) {
  /** The flag that says {@code index} matters. */
  public static final int SIGNIFICANT_INDEX = 1;

  // struct kvm_cpuid2: u32 nent, u32 padding, then the entries.
  static final int HEADER_BYTES = 8;
  static final int BYTES = 40;

  static long tableBytes(int entries) {
    return HEADER_BYTES + (long) BYTES * entries;
  }

  static List<CpuidEntry> readTable(Pointer table) {
    int count = table.getInt(0);
    List<CpuidEntry> entries = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      long at = tableBytes(i);
      entries.add(
          new CpuidEntry(
              table.getInt(at),
              table.getInt(at + 4),
              table.getInt(at + 8),
              table.getInt(at + 12),
              table.getInt(at + 16),
              table.getInt(at + 20),
              table.getInt(at + 24)));
    }
    return List.copyOf(entries);
  }

  /** Writes a kvm_cpuid2 with these entries; the memory must be {@link #tableBytes} long. */
  static void writeTable(List<CpuidEntry> entries, Pointer table) {
    table.clear(tableBytes(entries.size()));
    table.setInt(0, entries.size());
    for (int i = 0; i < entries.size(); i++) {
      CpuidEntry entry = entries.get(i);
      long at = tableBytes(i);
      table.setInt(at, entry.function);
      table.setInt(at + 4, entry.index);
      table.setInt(at + 8, entry.flags);
      table.setInt(at + 12, entry.eax);
      table.setInt(at + 16, entry.ebx);
      table.setInt(at + 20, entry.ecx);
      table.setInt(at + 24, entry.edx);
    }
  }
}
