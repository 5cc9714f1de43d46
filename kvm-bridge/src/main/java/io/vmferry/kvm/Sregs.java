package io.vmferry.kvm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Segment, table and control registers of a vCPU: a mutable copy that {@link KvmVcpu#setSregs}
 * writes back. Not thread-safe.
 *
 * <p>Source: arch/x86/include/uapi/asm/kvm.h, struct kvm_sregs, 312 bytes; struct kvm_segment, 24
 * bytes; struct kvm_dtable, 16 bytes.
 */
public final class Sregs {
  /** Size of struct kvm_sregs. */
  static final int BYTES = 312;

  static final int GDT_OFFSET = 192;
  static final int IDT_OFFSET = 208;
  static final int CR0_OFFSET = 224;
  static final int CR2_OFFSET = 232;
  static final int CR3_OFFSET = 240;
  static final int CR4_OFFSET = 248;
  static final int CR8_OFFSET = 256;
  static final int EFER_OFFSET = 264;
  static final int APIC_BASE_OFFSET = 272;

  private final byte[] struct;
  private final ByteBuffer raw;

  /** The segment registers of struct kvm_sregs, in its order. */
  public enum SegmentRegister {
    CS(0),
    DS(24),
    ES(48),
    FS(72),
    GS(96),
    SS(120),
    TR(144),
    LDT(168);

    private final int offset;

    SegmentRegister(int offset) {
      this.offset = offset;
    }
  }

  /**
   * A segment register with its hidden part.
   *
   * @param base linear base address
   * @param limit last valid offset in bytes, granularity already applied
   * @param selector the visible part
   * @param type descriptor type, 4 bits
   * @param present 1 if present
   * @param dpl privilege level
   * @param db 1 for a 32-bit segment
   * @param s 1 for code and data, 0 for system
   * @param l 1 for 64-bit code
   * @param g 1 if the descriptor's limit counts pages
   * @param avl the bit for software
   * @param unusable 1 if the register holds no segment
   */
  public record Segment(
      long base,
      int limit,
      int selector,
      int type,
      int present,
      int dpl,
      int db,
      int s,
      int l,
      int g,
      int avl,
      int unusable) {
    /** Flat 64-bit code, execute/read, accessed, ring 0. */
    public static Segment code64(int selector) {
      return new Segment(0, -1, selector, 0xb, 1, 0, 0, 1, 1, 1, 0, 0);
    }

    /** Flat 32-bit code, execute/read, accessed, ring 0. */
    public static Segment code32(int selector) {
      return new Segment(0, -1, selector, 0xb, 1, 0, 1, 1, 0, 1, 0, 0);
    }

    /** Flat data, read/write, accessed, ring 0. */
    public static Segment data(int selector) {
      return new Segment(0, -1, selector, 0x3, 1, 0, 1, 1, 0, 1, 0, 0);
    }

    /** A busy 64-bit task state segment, which 64-bit mode must have loaded. */
    public static Segment tss64(int selector) {
      return new Segment(0, 0x67, selector, 0xb, 1, 0, 0, 0, 0, 0, 0, 0);
    }

    /** A real-mode segment: base is selector times 16, limit 64 KiB. */
    public static Segment real(int selector) {
      return new Segment((long) selector << 4, 0xffff, selector, 0x3, 1, 0, 0, 1, 0, 0, 0, 0);
    }
  }

  /**
   * Base and limit of a descriptor table.
   *
   * @param base linear address
   * @param limit last valid offset in bytes, 16 bits
   */
  public record DescriptorTable(long base, int limit) {}

  Sregs(byte[] struct) {
    if (struct.length != BYTES) {
      throw new IllegalArgumentException("kvm_sregs has " + BYTES + " bytes, not " + struct.length);
    }
    this.struct = struct.clone();
    this.raw = ByteBuffer.wrap(this.struct).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** One segment register. */
  public Segment segment(SegmentRegister register) {
    int at = register.offset;
    return new Segment(
        raw.getLong(at),
        raw.getInt(at + 8),
        Short.toUnsignedInt(raw.getShort(at + 12)),
        raw.get(at + 14),
        raw.get(at + 15),
        raw.get(at + 16),
        raw.get(at + 17),
        raw.get(at + 18),
        raw.get(at + 19),
        raw.get(at + 20),
        raw.get(at + 21),
        raw.get(at + 22));
  }

  /** Sets one segment register. */
  public Sregs setSegment(SegmentRegister register, Segment segment) {
    int at = register.offset;
    raw.putLong(at, segment.base)
        .putInt(at + 8, segment.limit)
        .putShort(at + 12, (short) segment.selector)
        .put(at + 14, (byte) segment.type)
        .put(at + 15, (byte) segment.present)
        .put(at + 16, (byte) segment.dpl)
        .put(at + 17, (byte) segment.db)
        .put(at + 18, (byte) segment.s)
        .put(at + 19, (byte) segment.l)
        .put(at + 20, (byte) segment.g)
        .put(at + 21, (byte) segment.avl)
        .put(at + 22, (byte) segment.unusable);
    return this;
  }

  /** Sets DS, ES, FS, GS and SS alike. */
  public Sregs setDataSegments(Segment segment) {
    return setSegment(SegmentRegister.DS, segment)
        .setSegment(SegmentRegister.ES, segment)
        .setSegment(SegmentRegister.FS, segment)
        .setSegment(SegmentRegister.GS, segment)
        .setSegment(SegmentRegister.SS, segment);
  }

  /** The global descriptor table. */
  public DescriptorTable gdt() {
    return table(GDT_OFFSET);
  }

  /** Sets the global descriptor table. */
  public Sregs setGdt(DescriptorTable table) {
    return setTable(GDT_OFFSET, table);
  }

  /** The interrupt descriptor table. */
  public DescriptorTable idt() {
    return table(IDT_OFFSET);
  }

  /** Sets the interrupt descriptor table. */
  public Sregs setIdt(DescriptorTable table) {
    return setTable(IDT_OFFSET, table);
  }

  private DescriptorTable table(int at) {
    return new DescriptorTable(raw.getLong(at), Short.toUnsignedInt(raw.getShort(at + 8)));
  }

  private Sregs setTable(int at, DescriptorTable table) {
    raw.putLong(at, table.base).putShort(at + 8, (short) table.limit);
    return this;
  }

  /** CR0: protection, paging, FPU switches. */
  public long cr0() {
    return raw.getLong(CR0_OFFSET);
  }

  /** Sets CR0. */
  public Sregs setCr0(long value) {
    return set(CR0_OFFSET, value);
  }

  /** CR2: the address of the last page fault. */
  public long cr2() {
    return raw.getLong(CR2_OFFSET);
  }

  /** Sets CR2. */
  public Sregs setCr2(long value) {
    return set(CR2_OFFSET, value);
  }

  /** CR3: the guest physical address of the page tables. */
  public long cr3() {
    return raw.getLong(CR3_OFFSET);
  }

  /** Sets CR3. */
  public Sregs setCr3(long value) {
    return set(CR3_OFFSET, value);
  }

  /** CR4: extensions switched on. */
  public long cr4() {
    return raw.getLong(CR4_OFFSET);
  }

  /** Sets CR4. */
  public Sregs setCr4(long value) {
    return set(CR4_OFFSET, value);
  }

  /** CR8: the task priority. */
  public long cr8() {
    return raw.getLong(CR8_OFFSET);
  }

  /** Sets CR8. */
  public Sregs setCr8(long value) {
    return set(CR8_OFFSET, value);
  }

  /** EFER: long mode switches. */
  public long efer() {
    return raw.getLong(EFER_OFFSET);
  }

  /** Sets EFER. */
  public Sregs setEfer(long value) {
    return set(EFER_OFFSET, value);
  }

  /** The APIC base MSR. */
  public long apicBase() {
    return raw.getLong(APIC_BASE_OFFSET);
  }

  /** Sets the APIC base MSR. */
  public Sregs setApicBase(long value) {
    return set(APIC_BASE_OFFSET, value);
  }

  private Sregs set(int at, long value) {
    raw.putLong(at, value);
    return this;
  }

  byte[] toBytes() {
    return struct.clone();
  }
}
