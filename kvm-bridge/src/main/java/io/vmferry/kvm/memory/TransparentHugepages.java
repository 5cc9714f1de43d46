package io.vmferry.kvm.memory;

import com.sun.jna.Native;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Memory files whose mappings get 2 MiB pages where 2 MiB are touched, without a reserved pool.
 *
 * <p>A memfd has such pages only where the administrator allows them for all shared memory, and the
 * kernel's default is never. A tmpfs mount decides for itself: this process makes one, mounts it
 * nowhere, and its files have no names. They go with the last descriptor, as a memfd does.
 *
 * <p>Source: Documentation/admin-guide/mm/transhuge.rst, "Hugepages in tmpfs/shmem".
 */
final class TransparentHugepages {
  private static final Path SHARED_MEMORY =
      Path.of("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  private static final Path SIZE = Path.of("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");

  private TransparentHugepages() {}

  /**
   * A new empty file on the process's tmpfs, or null where a memfd is as good or the process may
   * not mount: the caller makes a memfd then.
   *
   * @throws SyscallException EMFILE without free descriptors
   */
  static @Nullable OwnedFd createFile() throws SyscallException {
    OwnedFd mount = Mount.TMPFS;
    if (mount == null) {
      return null;
    }
    int raw =
        MemoryCalls.openat(
            mount.raw(),
            ".",
            MemoryCalls.O_TMPFILE | MemoryCalls.O_RDWR | MemoryCalls.O_CLOEXEC,
            MemoryCalls.OWNER_READ_WRITE);
    if (raw < 0) {
      throw new SyscallException("openat(tmpfs, O_TMPFILE)", Native.getLastError());
    }
    return new OwnedFd(raw);
  }

  /** Where {@link #createFile} makes them; null where it makes none. */
  static @Nullable OwnedFd directory() {
    return Mount.TMPFS;
  }

  /** Whether mappings of new memory files get such pages, from the mount or by the switch. */
  static boolean areGiven() {
    return Mount.TMPFS != null
        || (Files.exists(SIZE) && !List.of("never", "deny").contains(sharedMemory()));
  }

  /** What the kernel's switch for all shared memory says; "never" if there is none. */
  private static String sharedMemory() {
    try {
      String text = Files.readString(SHARED_MEMORY);
      return text.substring(text.indexOf('[') + 1, text.indexOf(']'));
    } catch (IOException | IndexOutOfBoundsException e) {
      return "never";
    }
  }

  /** The mount, made on first use and kept for the life of the process. */
  private static final class Mount {
    static final @Nullable OwnedFd TMPFS = isNeeded() ? create() : null;

    private static boolean isNeeded() {
      return Files.exists(SIZE) && sharedMemory().equals("never");
    }

    /** Null without CAP_SYS_ADMIN, and before Linux 5.2. */
    private static @Nullable OwnedFd create() {
      int context = MemoryCalls.fsopen("tmpfs", MemoryCalls.FSOPEN_CLOEXEC);
      if (context < 0) {
        return null;
      }
      try (OwnedFd configured = new OwnedFd(context)) {
        // advise: a write(2) allocates what it writes, a touch of an advised mapping 2 MiB.
        if (!set(configured, "huge", "advise")
            // The default is half of the host's memory; a guest is limited by MemoryBudget.
            || !set(configured, "size", "0")
            || !set(configured, "nr_inodes", "0")
            || MemoryCalls.fsconfig(
                    configured.raw(), MemoryCalls.FSCONFIG_CMD_CREATE, null, null, 0)
                < 0) {
          return null;
        }
        int mount = MemoryCalls.fsmount(configured.raw(), MemoryCalls.FSMOUNT_CLOEXEC, 0);
        return mount < 0 ? null : new OwnedFd(mount);
      }
    }

    private static boolean set(OwnedFd context, String key, String value) {
      return MemoryCalls.fsconfig(context.raw(), MemoryCalls.FSCONFIG_SET_STRING, key, value, 0)
          >= 0;
    }
  }
}
