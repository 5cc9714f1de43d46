package io.vmferry.actors.guest;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Writes descriptor tables and page tables for 64-bit mode into guest memory.
 *
 * <p>Source: Intel SDM volume 3, 3.4.5 (descriptors), 4.5 (4-level paging), 6.14.1 (64-bit gates).
 */
public final class GuestTables {

  /** Size of the GDT that {@link #writeGdt} writes. */
  public static final int GDT_BYTES = 32;

  static final int IDT_BYTES = 256 * 16;

  private static final long CODE_64 = 0x00AF_9B00_0000_FFFFL;
  private static final long CODE_32 = 0x00CF_9B00_0000_FFFFL;
  private static final long DATA = 0x00CF_9300_0000_FFFFL;
  private static final int INTERRUPT_GATE = 0x8E;

  /** Present, writable, accessed, dirty: set here, or the walk would dirty the table's page. */
  private static final long TABLE_FLAGS = 0x23;

  private static final long LARGE_PAGE_FLAGS = 0xE3;
  private static final long CACHE_DISABLE = 0x18;
  private static final int TABLE_BYTES = 4096;
  private static final int ENTRIES = 512;
  private static final long LARGE_PAGE = 2L << 20;
  private static final long GIB = 1L << 30;
  private static final long HOLE_START = 3L << 30;
  private static final long HOLE_END = 4L << 30;

  private GuestTables() {}

  /**
   * Writes a GDT with flat code (selector 16; 64-bit or 32-bit) and data (selector 24), where Linux
   * expects them.
   *
   * @param gdt where, {@link #GDT_BYTES} long
   */
  public static void writeGdt(GuestMemory memory, Gpa gdt, boolean longMode) {
    byte[] table = new byte[GDT_BYTES];
    wrap(table).putLong(0).putLong(0).putLong(longMode ? CODE_64 : CODE_32).putLong(DATA);
    memory.write(gdt, table);
  }

  /**
   * Identity-maps RAM and the device hole below 4 GiB with 2 MiB pages.
   *
   * @param root where the PML4 goes; the page directory pointers and directories follow it
   * @param endOfRam end of the highest RAM region, at most 512 GiB
   * @return bytes written from {@code root}
   */
  public static long writeIdentityMap(GuestMemory memory, Gpa root, long endOfRam) {
    int directories = Math.toIntExact((Math.max(endOfRam, HOLE_END) + GIB - 1) / GIB);
    if (directories > ENTRIES) {
      throw new IllegalArgumentException("Guest memory ends above 512 GiB");
    }
    Gpa pointers = root.plus(TABLE_BYTES);
    Gpa first = pointers.plus(TABLE_BYTES);
    byte[] rootTable = new byte[TABLE_BYTES];
    wrap(rootTable).putLong(pointers.value() | TABLE_FLAGS);
    memory.write(root, rootTable);
    byte[] pointerTable = new byte[TABLE_BYTES];
    ByteBuffer pointerEntries = wrap(pointerTable);
    for (int i = 0; i < directories; i++) {
      Gpa directory = first.plus((long) i * TABLE_BYTES);
      pointerEntries.putLong(directory.value() | TABLE_FLAGS);
      memory.write(directory, directory(i * GIB));
    }
    memory.write(pointers, pointerTable);
    return (directories + 2L) * TABLE_BYTES;
  }

  private static byte[] directory(long base) {
    boolean device = base >= HOLE_START && base < HOLE_END;
    byte[] table = new byte[TABLE_BYTES];
    ByteBuffer entries = wrap(table);
    for (int i = 0; i < ENTRIES; i++) {
      entries.putLong((base + i * LARGE_PAGE) | LARGE_PAGE_FLAGS | (device ? CACHE_DISABLE : 0));
    }
    return table;
  }

  /** Writes an IDT of 256 interrupt gates; {@code handlers[v]} is the handler of vector v. */
  static void writeIdt(GuestMemory memory, Gpa idt, long[] handlers) {
    byte[] table = new byte[IDT_BYTES];
    ByteBuffer gates = wrap(table);
    for (long handler : handlers) {
      gates
          .putShort((short) handler)
          .putShort((short) BootRegisters.CODE_SELECTOR)
          .put((byte) 0)
          .put((byte) INTERRUPT_GATE)
          .putShort((short) (handler >>> 16))
          .putInt((int) (handler >>> 32))
          .putInt(0);
    }
    memory.write(idt, table);
  }

  private static ByteBuffer wrap(byte[] table) {
    return ByteBuffer.wrap(table).order(ByteOrder.LITTLE_ENDIAN);
  }
}
