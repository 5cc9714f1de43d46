package io.vmferry.actors.boot;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.vmferry.actors.guest.VcpuBoot;
import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An uncompressed kernel: an ELF file for x86-64. With a PVH note it starts in 32-bit protected
 * mode at the address in the note, without one in 64-bit mode at the file's entry point.
 *
 * <p>Source: System V ABI, chapters 4 and 5, and its x86-64 supplement; Xen, docs/misc/pvh.pandoc
 * and xen/include/public/elfnote.h.
 */
final class ElfKernel implements KernelFile {
  static final int MAGIC = 0x464C_457F;

  private static final int HEADER_BYTES = 64;
  private static final int CLASS_64 = 2;
  private static final int LITTLE_ENDIAN = 1;
  private static final int EXECUTABLE = 2;
  private static final int X86_64 = 62;
  private static final int PROGRAM_HEADER_BYTES = 56;
  private static final int LOAD = 1;
  private static final int NOTE = 4;
  private static final int NOTE_HEADER_BYTES = 12;
  // A note segment of a kernel has some hundred bytes.
  private static final int NOTES_MAX_BYTES = 1 << 20;
  private static final String XEN = "Xen\0";
  private static final int PHYS32_ENTRY = 18;

  // Linux: COMMAND_LINE_SIZE in arch/x86/include/asm/setup.h; an ELF file does not say.
  private static final int CMDLINE_MAX_BYTES = 2047;

  private record Segment(long offset, Gpa base, long fileBytes, long memoryBytes) {
    boolean holds(long address) {
      return Long.compareUnsigned(address - base.value(), memoryBytes) < 0;
    }
  }

  private final BootFile file;
  private final List<Segment> segments;
  private final long entry;
  private final @Nullable Long pvhEntry;

  private ElfKernel(BootFile file, List<Segment> segments, long entry, @Nullable Long pvhEntry) {
    this.file = file;
    this.segments = List.copyOf(segments);
    this.entry = entry;
    this.pvhEntry = pvhEntry;
  }

  /**
   * Reads the headers.
   *
   * @throws IllegalArgumentException with one sentence for the user if this is no kernel for a
   *     guest of ours
   */
  static ElfKernel parse(BootFile file) throws IOException {
    ByteBuffer header = file.read(0, (int) Math.min(HEADER_BYTES, file.sizeBytes()));
    if (header.limit() > 4 && header.get(4) != CLASS_64) {
      throw file.bad("is a 32-bit ELF file; guests are 64-bit.");
    }
    file.require(0, HEADER_BYTES);
    if (header.get(5) != LITTLE_ENDIAN || header.getShort(18) != X86_64) {
      throw file.bad("is an ELF file for another processor than x86-64.");
    }
    if (header.getShort(16) != EXECUTABLE) {
      throw file.bad("is an ELF file but no kernel: it has no fixed load address.");
    }
    int count = Short.toUnsignedInt(header.getShort(56));
    if (count == 0 || header.getShort(54) != PROGRAM_HEADER_BYTES) {
      throw file.bad("is an ELF file without a table of segments to load.");
    }
    ByteBuffer table = file.read(header.getLong(32), count * PROGRAM_HEADER_BYTES);
    List<Segment> segments = new ArrayList<>();
    Long pvhEntry = null;
    for (int at = 0; at < table.limit(); at += PROGRAM_HEADER_BYTES) {
      int type = table.getInt(at);
      Segment segment =
          new Segment(
              table.getLong(at + 8),
              new Gpa(table.getLong(at + 24)),
              table.getLong(at + 32),
              table.getLong(at + 40));
      if (type == LOAD && segment.memoryBytes != 0) {
        segments.add(segment);
      } else if (type == NOTE && pvhEntry == null) {
        pvhEntry = pvhEntry(file, segment, table.getLong(at + 48));
      }
    }
    ElfKernel kernel = new ElfKernel(file, segments, header.getLong(24), pvhEntry);
    kernel.check();
    return kernel;
  }

  private static @Nullable Long pvhEntry(BootFile file, Segment notes, long alignment)
      throws IOException {
    if (notes.fileBytes < 0 || notes.fileBytes > NOTES_MAX_BYTES) {
      throw file.bad("is damaged: its notes have an impossible size.");
    }
    ByteBuffer bytes = file.read(notes.offset, (int) notes.fileBytes);
    int align = alignment == 8 ? 8 : 4;
    int at = 0;
    while (bytes.limit() - at >= NOTE_HEADER_BYTES) {
      int nameBytes = bytes.getInt(at);
      int valueBytes = bytes.getInt(at + 4);
      int type = bytes.getInt(at + 8);
      int name = at + NOTE_HEADER_BYTES;
      long value = alignUp(name + Integer.toUnsignedLong(nameBytes), align);
      long next = alignUp(value + Integer.toUnsignedLong(valueBytes), align);
      if (value + Integer.toUnsignedLong(valueBytes) > bytes.limit()) {
        throw file.bad("is damaged: a note goes on behind the end of the notes.");
      }
      if (type == PHYS32_ENTRY && valueBytes >= 4 && isXen(bytes, name, nameBytes)) {
        // 8 bytes in a 64-bit kernel, but an address below 4 GiB all the same.
        return Integer.toUnsignedLong(bytes.getInt((int) value));
      }
      at = (int) Math.min(next, bytes.limit());
    }
    return null;
  }

  private static boolean isXen(ByteBuffer bytes, int at, int length) {
    if (length != XEN.length()) {
      return false;
    }
    byte[] name = new byte[length];
    bytes.get(at, name);
    return new String(name, US_ASCII).equals(XEN);
  }

  private static long alignUp(long value, int alignment) {
    return (value + alignment - 1) & -alignment;
  }

  private void check() {
    if (segments.isEmpty()) {
      throw file.bad("is an ELF file without a segment to load.");
    }
    for (Segment segment : segments) {
      if (segment.fileBytes < 0
          || Long.compareUnsigned(segment.fileBytes, segment.memoryBytes) > 0) {
        throw file.bad("is damaged: a segment has more bytes in the file than in memory.");
      }
      file.require(segment.offset, segment.fileBytes);
      if (segment.memoryBytes < 0 || segment.base.value() < 0) {
        throw file.bad("is damaged: a segment has an impossible address or size.");
      }
      if (segment.base.value() < BootLayout.HIGH_START) {
        throw file.bad(
            "wants to be loaded at "
                + segment.base
                + "; a kernel lies above 1 MiB, where nothing else is.");
      }
    }
    long start = pvhEntry == null ? entry : pvhEntry;
    if (segments.stream().noneMatch(segment -> segment.holds(start))) {
      throw file.bad("is no kernel: its entry point is outside of what is loaded.");
    }
  }

  @Override
  public long end() {
    return segments.stream().mapToLong(s -> s.base.value() + s.memoryBytes).max().orElseThrow();
  }

  @Override
  public int cmdlineMaxBytes() {
    return CMDLINE_MAX_BYTES;
  }

  @Override
  public long initrdEnd() {
    return BootLayout.IDENTITY_MAP_END;
  }

  @Override
  public void requireFits(GuestMemory memory) {
    for (Segment segment : segments) {
      KernelLoader.requireFits(memory, segment.base, segment.memoryBytes);
    }
  }

  @Override
  public void copyTo(GuestMemory memory) throws IOException {
    for (Segment segment : segments) {
      file.copyTo(segment.offset, segment.fileBytes, memory, segment.base);
    }
  }

  @Override
  public VcpuBoot prepare(GuestMemory memory, BootInfo info) {
    if (pvhEntry != null) {
      PvhStartInfo.write(memory, info);
      return StartStates.pvh(memory, pvhEntry);
    }
    new ZeroPage().fill(info).write(memory);
    return StartStates.long64(memory, entry);
  }
}
