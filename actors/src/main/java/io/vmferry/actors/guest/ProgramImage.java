package io.vmferry.actors.guest;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The image of one of the project's own programs; the standard guest's has a working set too. */
final class ProgramImage implements GuestImage {

  private static final int FILL_PAGES = 256;

  private final int vcpus;
  private final long memoryBytes;
  private final byte[] code;
  private final long[] handlers;
  private final StandardGuest.@Nullable Params workload;

  ProgramImage(
      int vcpus,
      long memoryBytes,
      byte[] code,
      long[] handlers,
      StandardGuest.@Nullable Params workload) {
    if (code.length > GuestLayout.CODE_LIMIT - GuestLayout.CODE) {
      throw new IllegalStateException("The program has " + code.length + " bytes, too many");
    }
    this.vcpus = vcpus;
    this.memoryBytes = memoryBytes;
    this.code = code;
    this.handlers = handlers;
    this.workload = workload;
  }

  static void checkMachine(int vcpus, long memoryBytes) {
    if (vcpus < 1 || vcpus > GuestLayout.MAX_VCPUS) {
      throw new IllegalArgumentException(
          vcpus + " vCPUs: the guest program takes 1 to " + GuestLayout.MAX_VCPUS);
    }
    if (memoryBytes < GuestLayout.WORKING_SET || memoryBytes > GuestLayout.MAX_MEMORY_BYTES) {
      throw new IllegalArgumentException(
          "Guest memory of " + memoryBytes + " bytes: the guest program needs 4 MiB to 500 GiB");
    }
  }

  @Override
  public void load(GuestMemory memory) {
    if (memory.sizeBytes() < memoryBytes) {
      throw new IllegalArgumentException(
          "Guest memory of "
              + memory.sizeBytes()
              + " bytes is less than the image's "
              + memoryBytes);
    }
    GuestTables.writeGdt(memory, new Gpa(GuestLayout.GDT), true);
    GuestTables.writeIdt(memory, new Gpa(GuestLayout.IDT), handlers);
    GuestTables.writeIdentityMap(
        memory, new Gpa(GuestLayout.PAGE_TABLES), GuestLayout.endOfRam(memoryBytes));
    memory.write(new Gpa(GuestLayout.CODE), code);
    for (int vcpu = 0; vcpu < vcpus; vcpu++) {
      memory.write(GuestLayout.cpuBlock(vcpu), cpuBlock(vcpu));
    }
    if (workload != null) {
      GuestLayout.slice(workload.workingSetPages(), 1, 0).forEach(range -> fill(memory, range));
    }
  }

  private byte[] cpuBlock(int vcpu) {
    ByteBuffer block =
        ByteBuffer.allocate(CpuBlock.RANGES_END)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(CpuBlock.CPU, vcpu);
    if (workload != null) {
      List<GuestLayout.Range> slice = GuestLayout.slice(workload.workingSetPages(), vcpus, vcpu);
      block.position(CpuBlock.RANGES);
      slice.forEach(range -> block.putLong(range.base()).putLong(range.pages()));
    }
    return block.array();
  }

  /** Lays down generation 0, which the guest checks in its first sweeps. */
  private static void fill(GuestMemory memory, GuestLayout.Range range) {
    ByteBuffer buffer =
        ByteBuffer.allocateDirect(FILL_PAGES * WorkingSetPattern.PAGE_BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    long firstPage = range.base() / WorkingSetPattern.PAGE_BYTES;
    for (long done = 0; done < range.pages(); done += FILL_PAGES) {
      long pages = Math.min(FILL_PAGES, range.pages() - done);
      buffer.clear();
      for (long page = firstPage + done; page < firstPage + done + pages; page++) {
        long checksum = WorkingSetPattern.checksum(page, 0);
        buffer.putLong(WorkingSetPattern.header(page, 0));
        for (int word = 1; word < WorkingSetPattern.PAGE_WORDS; word++) {
          buffer.putLong(checksum);
        }
      }
      memory.write(new Gpa(range.base() + done * WorkingSetPattern.PAGE_BYTES), buffer.flip());
    }
  }

  @Override
  public VcpuBoot bootState(int vcpu) {
    if (vcpu < 0 || vcpu >= vcpus) {
      throw new IllegalArgumentException("vCPU " + vcpu + " of an image for " + vcpus);
    }
    long block = GuestLayout.cpuBlock(vcpu).value();
    return new VcpuBoot(
        VcpuBoot.Mode.LONG,
        GuestLayout.CODE,
        block + CpuBlock.STACK_TOP,
        block,
        0,
        0,
        GuestLayout.PAGE_TABLES,
        new Gpa(GuestLayout.GDT),
        GuestTables.GDT_BYTES,
        new Gpa(GuestLayout.IDT),
        GuestTables.IDT_BYTES);
  }
}
