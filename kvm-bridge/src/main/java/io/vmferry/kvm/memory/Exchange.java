package io.vmferry.kvm.memory;

import com.sun.jna.Native;
import io.vmferry.kvm.SyscallException;
import java.nio.file.Path;

/** Swaps two names of one file system at once, which {@code java.nio.file} cannot. */
public final class Exchange {
  private Exchange() {}

  /**
   * Each name means afterwards what the other meant before; nobody sees a state between.
   *
   * @throws SyscallException ENOENT if one does not exist; EXDEV or EINVAL if the file system
   *     cannot
   * @see <a href="https://man7.org/linux/man-pages/man2/rename.2.html">renameat2(2),
   *     RENAME_EXCHANGE</a>
   */
  public static void names(Path one, Path other) throws SyscallException {
    int result =
        MemoryCalls.renameat2(
            MemoryCalls.AT_FDCWD,
            one.toString(),
            MemoryCalls.AT_FDCWD,
            other.toString(),
            MemoryCalls.RENAME_EXCHANGE);
    if (result < 0) {
      throw new SyscallException(
          "renameat2(" + one + ", " + other + ", RENAME_EXCHANGE)", Native.getLastError());
    }
  }
}
