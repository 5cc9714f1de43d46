package io.vmferry.actors.guest;

import io.vmferry.kvm.Gpa;

/**
 * The state in which a vCPU begins. General registers that are not named are zero; RFLAGS is 2
 * (interrupts off). Segments are flat: code selector 16, data selector 24.
 *
 * @param mode processor mode
 * @param rip first instruction
 * @param rsp stack pointer
 * @param rbp this vCPU's block in the project's own guests
 * @param rbx start info for a PVH kernel (Xen's hvm_start_info)
 * @param rsi zero page for the 64-bit Linux boot protocol
 * @param cr3 page table root; used in {@link Mode#LONG} only
 * @param gdt guest-physical address of the GDT
 * @param gdtBytes its size
 * @param idt guest-physical address of the IDT
 * @param idtBytes its size; 0 if the program brings its own
 */
public record VcpuBoot(
    Mode mode,
    long rip,
    long rsp,
    long rbp,
    long rbx,
    long rsi,
    long cr3,
    Gpa gdt,
    int gdtBytes,
    Gpa idt,
    int idtBytes) {

  /** Processor mode at the first instruction. */
  public enum Mode {
    /** 64-bit mode, paging on. */
    LONG,
    /** 32-bit protected mode, paging off. */
    PROTECTED,
    /** An application processor that the kernel wakes with INIT and SIPI; registers are ignored. */
    WAIT_FOR_SIPI
  }

  /** A vCPU that waits for INIT and SIPI. */
  public static VcpuBoot waitForSipi() {
    return new VcpuBoot(Mode.WAIT_FOR_SIPI, 0, 0, 0, 0, 0, 0, new Gpa(0), 0, new Gpa(0), 0);
  }
}
