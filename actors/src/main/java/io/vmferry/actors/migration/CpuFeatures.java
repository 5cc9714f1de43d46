package io.vmferry.actors.migration;

import io.vmferry.kvm.CpuidEntry;
import java.util.ArrayList;
import java.util.List;

/**
 * Compares CPUID feature bits: a guest may only move to a CPU that has all it was told of.
 *
 * <p>Source: Intel SDM volume 2, CPUID, leaves 1 and 7; AMD APM volume 3, appendix E, leaf
 * 0x80000001.
 */
final class CpuFeatures {
  private static final int[][] FEATURE_LEAVES = {{1, 0}, {7, 0}, {0x80000001, 0}};
  // Leaf 1: EBX has the APIC id and EAX the stepping; only ECX and EDX are features. Bit 27 of ECX
  // (OSXSAVE) and bit 31 (hypervisor) follow from the guest's own state.
  private static final int NOT_FEATURES_1_ECX = 1 << 27 | 1 << 31;

  private CpuFeatures() {}

  /** The features wanted and not offered, such as {@code leaf 0x7 ebx bit 16}. */
  static List<String> missing(List<CpuidEntry> wanted, List<CpuidEntry> offered) {
    List<String> missing = new ArrayList<>();
    for (int[] leaf : FEATURE_LEAVES) {
      CpuidEntry want = find(wanted, leaf[0], leaf[1]);
      CpuidEntry have = find(offered, leaf[0], leaf[1]);
      boolean first = leaf[0] == 1;
      add(missing, leaf[0], "ecx", want.ecx() & ~have.ecx() & (first ? ~NOT_FEATURES_1_ECX : -1));
      add(missing, leaf[0], "edx", want.edx() & ~have.edx());
      if (!first) {
        add(missing, leaf[0], "ebx", want.ebx() & ~have.ebx() & (leaf[0] == 7 ? -1 : 0));
      }
    }
    return missing;
  }

  private static void add(List<String> missing, int leaf, String register, int bits) {
    for (int bit = 0; bit < Integer.SIZE; bit++) {
      if ((bits & 1 << bit) != 0) {
        missing.add("leaf 0x" + Integer.toHexString(leaf) + " " + register + " bit " + bit);
      }
    }
  }

  private static CpuidEntry find(List<CpuidEntry> entries, int function, int index) {
    return entries.stream()
        .filter(entry -> entry.function() == function && entry.index() == index)
        .findFirst()
        .orElse(new CpuidEntry(function, index, 0, 0, 0, 0, 0));
  }
}
