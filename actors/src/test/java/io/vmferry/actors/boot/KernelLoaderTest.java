package io.vmferry.actors.boot;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.guest.GuestImage;
import io.vmferry.actors.guest.VcpuBoot;
import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class KernelLoaderTest {
  private static final long MIB = 1L << 20;
  private static final byte[] CODE = {(byte) 0xFA, (byte) 0xF4, (byte) 0xEB, (byte) 0xFD};

  @TempDir Path directory;

  private GuestMemory memory;

  @BeforeEach
  void allocate() throws IOException {
    memory = GuestMemory.allocate(64 * MIB, PageSize.KIB_4);
  }

  @AfterEach
  void free() {
    memory.close();
  }

  @Test
  void startsAnElfFileWithItsNoteInProtectedMode() throws IOException {
    GuestImage image = load(KernelFiles.pvhElf(CODE), null, "console=ttyS0", 2);

    VcpuBoot first = image.bootState(0);
    assertEquals(VcpuBoot.Mode.PROTECTED, first.mode());
    assertEquals(TinyKernel.BASE, first.rip());
    assertEquals(PvhStartInfo.MAGIC, at(new Gpa(first.rbx()), 4).getInt());
    assertArrayEquals(CODE, memory.read(new Gpa(TinyKernel.BASE), CODE.length));
    assertEquals(VcpuBoot.Mode.WAIT_FOR_SIPI, image.bootState(1).mode());
    assertThrows(IllegalArgumentException.class, () -> image.bootState(2));
  }

  @Test
  void startsAnElfFileWithoutNoteIn64BitMode() throws IOException {
    VcpuBoot first = load(KernelFiles.elf(CODE), null, null, 1).bootState(0);

    assertEquals(VcpuBoot.Mode.LONG, first.mode());
    assertEquals(TinyKernel.BASE, first.rip());
    assertEquals(BootLayout.ZERO_PAGE.value(), first.rsi());
    assertEquals(0, memory.read(BootLayout.CMDLINE, 1)[0]);
  }

  @Test
  void startsABzImageBehindItsOldEntryPoint() throws IOException {
    VcpuBoot first = load(KernelFiles.bzImage(CODE), null, "quiet", 1).bootState(0);

    assertEquals(VcpuBoot.Mode.LONG, first.mode());
    assertEquals(TinyKernel.BASE + 0x200, first.rip());
    assertArrayEquals(CODE, memory.read(new Gpa(first.rip()), CODE.length));
    ByteBuffer page = at(new Gpa(first.rsi()), ZeroPage.BYTES);
    assertEquals(KernelFiles.INIT_BYTES, page.getInt(0x260), "the setup header is copied");
    assertEquals("quiet\0", new String(memory.read(BootLayout.CMDLINE, 6), US_ASCII));
  }

  @Test
  void putsTheInitrdAsHighAsTheKernelAllows() throws IOException {
    byte[] disk = "0123456789".repeat(1000).getBytes(US_ASCII);
    ByteBuffer kernel = KernelFiles.bzImage(CODE).putInt(0x22C, (int) (40 * MIB - 1));

    VcpuBoot first = load(kernel, disk, null, 1).bootState(0);

    ByteBuffer page = at(new Gpa(first.rsi()), ZeroPage.BYTES);
    assertEquals(40 * MIB - 3 * 4096, page.getInt(ZeroPage.RAMDISK_IMAGE));
    assertEquals(disk.length, page.getInt(ZeroPage.RAMDISK_SIZE));
    assertArrayEquals(disk, memory.read(new Gpa(40 * MIB - 3 * 4096), disk.length));
  }

  @Test
  void describesMemoryOnBothSidesOfTheHole() throws IOException {
    try (GuestMemory large = GuestMemory.allocate(4096 * MIB, PageSize.KIB_4)) {
      List<MemoryMap.Entry> map = MemoryMap.of(large);

      assertEquals(
          List.of(
              new MemoryMap.Entry(0, 0xA_0000, MemoryMap.RAM),
              new MemoryMap.Entry(0xE_0000, 0x2_0000, MemoryMap.RESERVED),
              new MemoryMap.Entry(MIB, 3071 * MIB, MemoryMap.RAM),
              new MemoryMap.Entry(4096 * MIB, 1024 * MIB, MemoryMap.RAM)),
          map);
    }
  }

  static Stream<Arguments> badKernels() {
    return Stream.of(
        spoiled("is truncated", KernelFiles::elf, b -> b.limit(40)),
        spoiled("is truncated", KernelFiles::elf, b -> b.limit(100)),
        spoiled("is truncated", KernelFiles::elf, b -> b.limit(b.capacity() - 1)),
        spoiled("is a 32-bit ELF file", KernelFiles::elf, b -> b.put(4, (byte) 1)),
        spoiled("another processor", KernelFiles::elf, b -> b.putShort(18, (short) 183)),
        spoiled("no fixed load address", KernelFiles::elf, b -> b.putShort(16, (short) 3)),
        spoiled("without a table", KernelFiles::elf, b -> b.putShort(56, (short) 0)),
        spoiled("without a segment", KernelFiles::elf, b -> b.putInt(64, 7)),
        spoiled("above 1 MiB", KernelFiles::elf, b -> b.putLong(88, 0x1000)),
        spoiled("impossible address", KernelFiles::elf, b -> b.putLong(88, -4096)),
        spoiled("more bytes in the file", KernelFiles::elf, b -> b.putLong(104, 1)),
        spoiled("entry point is outside", KernelFiles::elf, b -> b.putLong(24, 0x10)),
        spoiled("give the VM more memory", KernelFiles::elf, b -> b.putLong(104, 60 * MIB)),
        spoiled("behind the end of the notes", KernelFiles::pvhElf, b -> b.putInt(0xC4, 1 << 30)),
        spoiled("impossible size", KernelFiles::pvhElf, b -> b.putLong(152, -1)),
        spoiled("boot protocol 2.11", KernelFiles::bzImage, b -> b.putShort(0x206, (short) 0x20B)),
        spoiled("is a 32-bit kernel", KernelFiles::bzImage, b -> b.putShort(0x236, (short) 0)),
        spoiled("is a zImage", KernelFiles::bzImage, b -> b.put(0x211, (byte) 0)),
        spoiled("is truncated", KernelFiles::bzImage, b -> b.limit(0x210)),
        spoiled("is truncated", KernelFiles::bzImage, b -> b.limit(b.capacity() - 16)),
        spoiled("preferred address", KernelFiles::bzImage, b -> b.putLong(0x258, 0)),
        spoiled("give the VM more memory", KernelFiles::bzImage, b -> b.putInt(0x260, 1 << 26)),
        spoiled("is no kernel", KernelFiles::bzImage, b -> b.putInt(0x202, 0)),
        spoiled("is no kernel", KernelFiles::elf, b -> b.put(0, (byte) '#')),
        spoiled("is no kernel", KernelFiles::elf, b -> b.limit(2)),
        spoiled("is empty", KernelFiles::elf, b -> b.limit(0)));
  }

  private static Arguments spoiled(
      String complaint, Function<byte[], ByteBuffer> file, Consumer<ByteBuffer> damage) {
    ByteBuffer bytes = file.apply(CODE);
    damage.accept(bytes);
    return Arguments.of(complaint, bytes);
  }

  @ParameterizedTest
  @MethodSource("badKernels")
  void refusesABadKernelInOneSentence(String complaint, ByteBuffer kernel) throws IOException {
    expectRefusal(complaint, kernel, null, null);
  }

  @Test
  void refusesWhatIsNoFile() throws IOException {
    Path missing = directory.resolve("missing");

    IOException absent = assertThrows(IOException.class, () -> load(missing, null, null));
    IllegalArgumentException folder =
        assertThrows(IllegalArgumentException.class, () -> load(directory, null, null));
    IllegalArgumentException device =
        assertThrows(IllegalArgumentException.class, () -> load(Path.of("/dev/zero"), null, null));

    assertEquals("The kernel file missing does not exist on this host.", absent.getMessage());
    assertTrue(folder.getMessage().endsWith("is not a regular file."), folder.getMessage());
    assertTrue(device.getMessage().endsWith("is not a regular file."), device.getMessage());
  }

  @Test
  void refusesAnInitrdThatCannotBeUsed() throws IOException {
    Path kernel = KernelFiles.write(directory, "kernel", KernelFiles.bzImage(CODE));
    Path missing = directory.resolve("missing");

    IOException absent = assertThrows(IOException.class, () -> load(kernel, missing, null));
    assertEquals("The initrd file missing does not exist on this host.", absent.getMessage());

    Path large = directory.resolve("large");
    try (RandomAccessFile file = new RandomAccessFile(large.toFile(), "rw")) {
      file.setLength(47 * MIB);
    }
    IllegalArgumentException tooLarge =
        assertThrows(IllegalArgumentException.class, () -> load(kernel, large, null));
    assertEquals(
        "The initrd file large has 49283072 bytes, and 48234496 are free for it behind the kernel;"
            + " give the VM more memory.",
        tooLarge.getMessage());
    assertUntouched();
  }

  @Test
  void refusesACommandLineTheKernelCannotTake() throws IOException {
    ByteBuffer kernel = KernelFiles.bzImage(CODE);

    expectRefusal("has 256 bytes; this kernel takes at most 255.", kernel, null, "x".repeat(256));
    expectRefusal("zero byte", kernel, null, "a\0b");
    expectRefusal("at most 2047", KernelFiles.elf(CODE), null, "x".repeat(2048));
    load(kernel, null, "x".repeat(255), 1);
  }

  private void expectRefusal(
      String complaint, ByteBuffer kernel, byte @Nullable [] initrd, @Nullable String cmdline)
      throws IOException {
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> load(kernel, initrd, cmdline, 1));

    String text = refusal.getMessage();
    assertTrue(text.contains(complaint), text);
    assertTrue(text.matches("The [^\n]*\\."), text);
    assertUntouched();
  }

  private void assertUntouched() throws IOException {
    assertEquals(0, MemoryDigest.of(memory), "guest memory was written");
  }

  private GuestImage load(
      ByteBuffer kernel, byte @Nullable [] initrd, @Nullable String cmdline, int vcpus)
      throws IOException {
    byte[] bytes = new byte[kernel.limit()];
    kernel.get(0, bytes);
    Path disk = initrd == null ? null : Files.write(directory.resolve("initrd"), initrd);
    Path file = Files.write(directory.resolve("kernel"), bytes);
    return KernelLoader.load(file, disk, cmdline, vcpus, memory);
  }

  private GuestImage load(Path kernel, @Nullable Path initrd, @Nullable String cmdline)
      throws IOException {
    return KernelLoader.load(kernel, initrd, cmdline, 1, memory);
  }

  private ByteBuffer at(Gpa gpa, int bytes) {
    return ByteBuffer.wrap(memory.read(gpa, bytes)).order(ByteOrder.LITTLE_ENDIAN);
  }
}
