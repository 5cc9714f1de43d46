package io.vmferry.actors.boot;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** Kernel files around a piece of code, right in every field that the tests do not spoil. */
public final class KernelFiles {
  static final int CODE_OFFSET = 0x100;
  static final int BZ_CODE_OFFSET = 0x200;
  static final int SETUP_BYTES = 2 * 512;
  static final int NOTE_OFFSET = 0xC0;
  static final long INIT_BYTES = 2 << 20;
  static final int INITRD_ADDRESS_MAX = 0x37FF_FFFF;

  private KernelFiles() {}

  /** An ELF file of one segment at {@link TinyKernel#BASE} that starts in 64-bit mode. */
  static ByteBuffer elf(byte[] code) {
    return elf(code, TinyKernel.BASE, 1);
  }

  /** The same with a PVH note, and an ordinary entry point that leads nowhere. */
  public static ByteBuffer pvhElf(byte[] code) {
    return elf(code, 0, 2);
  }

  private static ByteBuffer elf(byte[] code, long entry, int headers) {
    ByteBuffer out = buffer(CODE_OFFSET + code.length);
    out.putInt(ElfKernel.MAGIC).put((byte) 2).put((byte) 1).put((byte) 1);
    out.putShort(16, (short) 2).putShort(18, (short) 62).putInt(20, 1);
    out.putLong(24, entry).putLong(32, 64);
    out.putShort(52, (short) 64).putShort(54, (short) 56).putShort(56, (short) headers);
    programHeader(out, 64, 1, CODE_OFFSET, code.length, code.length + 0x1000);
    if (headers == 2) {
      // An unknown note of another owner first, as kernels have.
      ByteBuffer notes = buffer(40);
      notes.putInt(4).putInt(1).putInt(7).putInt(0x00554E47).putInt(0x2A);
      notes.putInt(4).putInt(4).putInt(18).putInt(0x006E6558).putInt((int) TinyKernel.BASE);
      programHeader(out, 120, 4, NOTE_OFFSET, notes.capacity(), notes.capacity());
      out.put(NOTE_OFFSET, notes, 0, notes.capacity());
    }
    return out.put(CODE_OFFSET, code).clear();
  }

  private static void programHeader(
      ByteBuffer out, int at, int type, long offset, long fileBytes, long memoryBytes) {
    long address = type == 1 ? TinyKernel.BASE : 0;
    out.putInt(at, type).putInt(at + 4, 5).putLong(at + 8, offset);
    out.putLong(at + 16, address).putLong(at + 24, address);
    out.putLong(at + 32, fileBytes).putLong(at + 40, memoryBytes).putLong(at + 48, 4);
  }

  /** A bzImage of one setup sector whose 64-bit entry point is the start of the code. */
  static ByteBuffer bzImage(byte[] code) {
    int paragraphs = (BZ_CODE_OFFSET + code.length + 15) / 16;
    ByteBuffer out = buffer(SETUP_BYTES + paragraphs * 16);
    out.put(0x1F1, (byte) 1).putInt(0x1F4, paragraphs).putShort(0x1FE, (short) 0xAA55);
    out.put(0x200, (byte) 0xEB).put(0x201, (byte) (0x268 - 0x202)).putInt(0x202, BzImage.MAGIC);
    out.putShort(0x206, (short) 0x20F).put(0x211, (byte) 1).putInt(0x22C, INITRD_ADDRESS_MAX);
    out.putInt(0x230, 0x20_0000).put(0x234, (byte) 1).putShort(0x236, (short) 1);
    out.putInt(0x238, 255).putLong(0x258, TinyKernel.BASE).putInt(0x260, (int) INIT_BYTES);
    return out.put(SETUP_BYTES + BZ_CODE_OFFSET, code).clear();
  }

  /** Writes a file into a directory. */
  public static Path write(Path directory, String name, ByteBuffer bytes) throws IOException {
    byte[] content = new byte[bytes.capacity()];
    bytes.get(0, content);
    return Files.write(directory.resolve(name), content);
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
