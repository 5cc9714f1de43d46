package io.vmferry.kvm;

import com.sun.jna.Memory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * Reads and writes lists of MSRs. KVM_GET_MSRS and KVM_SET_MSRS stop at the first index they refuse
 * and return how many they did before it.
 *
 * <p>Source: arch/x86/include/uapi/asm/kvm.h, struct kvm_msrs (u32 count, u32 padding, entries) and
 * struct kvm_msr_entry (u32 index, u32 reserved, u64 data), 16 bytes.
 */
final class Msrs {
  static final int HEADER_BYTES = 8;
  static final int ENTRY_BYTES = 16;

  // Source: arch/x86/include/asm/msr-index.h.
  static final int IA32_TSC = 0x10;
  static final int IA32_TSC_DEADLINE = 0x6e0;
  private static final int MTRR_DEF_TYPE = 0x2ff;
  private static final int MTRR_PHYS_BASE_0 = 0x200;
  private static final int MTRR_PHYS_COUNT = 16;
  // The fixed ranges: 64K_00000, 16K_80000, 16K_A0000, then 4K_C0000 to 4K_F8000.
  private static final int[] MTRR_FIXED = {
    0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f
  };

  private static final int INDEX_LIST_FIRST_TRY = 256;
  private static final int INDEX_LIST_MAX = 8192;

  private Msrs() {}

  /** KVM's list of MSRs to save, the MTRRs that older kernels leave out, TSC deadline last. */
  static int[] savedIndices(OwnedFd system) throws SyscallException {
    Set<Integer> indices = new LinkedHashSet<>();
    for (int index : indexList(system)) {
      indices.add(index);
    }
    indices.add(MTRR_DEF_TYPE);
    for (int index : MTRR_FIXED) {
      indices.add(index);
    }
    for (int i = 0; i < MTRR_PHYS_COUNT; i++) {
      indices.add(MTRR_PHYS_BASE_0 + i);
    }
    // The deadline counts against the TSC, so it is written after it (and after the LAPIC).
    indices.remove(IA32_TSC_DEADLINE);
    indices.add(IA32_TSC_DEADLINE);
    return indices.stream().mapToInt(Integer::intValue).toArray();
  }

  private static int[] indexList(OwnedFd system) throws SyscallException {
    for (int room = INDEX_LIST_FIRST_TRY; ; room *= 2) {
      // struct kvm_msr_list: u32 count, then u32 indices.
      try (Memory list = new Memory(4 + 4L * room)) {
        list.setInt(0, room);
        KvmIoctl.KVM_GET_MSR_INDEX_LIST.call(system, list);
        return list.getIntArray(4, list.getInt(0));
      } catch (SyscallException e) {
        if (e.errno() != Errno.E2BIG || room >= INDEX_LIST_MAX) {
          throw e;
        }
      }
    }
  }

  /** Reads those of {@code indices} that the vCPU has; the result is kvm_msr_entry after entry. */
  static byte[] read(OwnedFd vcpu, int[] indices) throws SyscallException {
    ByteBuffer found =
        ByteBuffer.allocate(indices.length * ENTRY_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    int next = 0;
    while (next < indices.length) {
      int count = Math.min(indices.length - next, 256);
      try (Memory table = new Memory(HEADER_BYTES + (long) ENTRY_BYTES * count)) {
        table.clear();
        table.setInt(0, count);
        for (int i = 0; i < count; i++) {
          table.setInt(HEADER_BYTES + (long) ENTRY_BYTES * i, indices[next + i]);
        }
        int done = KvmIoctl.KVM_GET_MSRS.call(vcpu, table);
        found.put(table.getByteArray(HEADER_BYTES, done * ENTRY_BYTES));
        next += done < count ? done + 1 : count; // the one after the last is refused: leave it out
      }
    }
    return Arrays.copyOf(found.array(), found.position());
  }

  /**
   * Writes all entries, in order.
   *
   * @throws SyscallException EINVAL naming the MSR if the vCPU refuses a value that it does not
   *     hold already; a refused zero is taken as an MSR that the guest never used
   */
  static void write(OwnedFd vcpu, byte[] entries) throws SyscallException {
    int total = entries.length / ENTRY_BYTES;
    int next = 0;
    while (next < total) {
      int count = Math.min(total - next, 256);
      try (Memory table = new Memory(HEADER_BYTES + (long) ENTRY_BYTES * count)) {
        table.clear();
        table.setInt(0, count);
        table.write(HEADER_BYTES, entries, next * ENTRY_BYTES, count * ENTRY_BYTES);
        int done = KvmIoctl.KVM_SET_MSRS.call(vcpu, table);
        next += done;
        if (done < count) {
          checkRefused(vcpu, entries, next);
          next++;
        }
      }
    }
  }

  private static void checkRefused(OwnedFd vcpu, byte[] entries, int position)
      throws SyscallException {
    ByteBuffer raw = ByteBuffer.wrap(entries).order(ByteOrder.LITTLE_ENDIAN);
    int index = raw.getInt(position * ENTRY_BYTES);
    long value = raw.getLong(position * ENTRY_BYTES + 8);
    byte[] held = read(vcpu, new int[] {index});
    boolean same =
        held.length == ENTRY_BYTES
            && ByteBuffer.wrap(held).order(ByteOrder.LITTLE_ENDIAN).getLong(8) == value;
    if (value != 0 && !same) {
      throw KvmIoctl.KVM_SET_MSRS.failure(
          vcpu, Errno.EINVAL, String.format(", msr=0x%x, value=0x%x", index, value));
    }
  }
}
