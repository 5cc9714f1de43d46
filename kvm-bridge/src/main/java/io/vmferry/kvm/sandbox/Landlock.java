package io.vmferry.kvm.sandbox;

import com.sun.jna.Native;
import io.vmferry.kvm.Errno;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.DirectBuffers;
import io.vmferry.kvm.memory.Hugepages;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;

/**
 * Takes from the calling thread, and from all that it starts afterwards, the right to change files
 * anywhere but below some directories. What is open stays usable, and reading is not touched.
 *
 * <p>Threads that are there already are not bound: called first thing on the main thread it binds
 * every thread of the program, but not those of the JVM itself (collector, compiler, reference
 * handling), which open no files by anybody's name.
 *
 * @see <a href="https://docs.kernel.org/userspace-api/landlock.html">Landlock</a>
 */
public final class Landlock {
  // Source: include/uapi/linux/landlock.h.
  private static final int CREATE_RULESET_VERSION = 1;
  private static final int RULE_PATH_BENEATH = 1;
  private static final int WRITE_FILE = 1 << 1;
  private static final int REMOVE_DIR = 1 << 4;
  private static final int REMOVE_FILE = 1 << 5;
  // MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM.
  private static final int MAKE = 0x7f << 6;
  private static final int REFER = 1 << 13; // from version 2 on
  private static final int TRUNCATE = 1 << 14; // from version 3 on
  private static final int OF_FILES = WRITE_FILE | TRUNCATE;

  private Landlock() {}

  /** The version that this kernel knows; 0 if it has none. */
  public static int version() {
    return Math.max(0, LandlockCalls.createRuleset(0, 0, CREATE_RULESET_VERSION));
  }

  /**
   * Binds the calling thread.
   *
   * @param writable directories and files that are there; others are left out
   * @return false if this kernel has no Landlock, and nothing was done
   * @throws SyscallException E2BIG if the thread was bound too often
   */
  public static boolean allowWritesBelow(Collection<Path> writable) throws SyscallException {
    int version = version();
    if (version == 0) {
      return false;
    }
    int handled = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE;
    handled |= version >= 2 ? REFER : 0;
    handled |= version >= 3 ? TRUNCATE : 0;
    // struct landlock_ruleset_attr: the rights as u64; the rest may be left out.
    ByteBuffer attributes = DirectBuffers.allocate(Long.BYTES).putLong(0, handled);
    int ruleset =
        LandlockCalls.createRuleset(DirectBuffers.address(attributes), attributes.capacity(), 0);
    if (ruleset < 0) {
      throw new SyscallException("landlock_create_ruleset", Native.getLastError());
    }
    OwnedFd rules = new OwnedFd(ruleset);
    try {
      for (Path path : writable) {
        allow(rules, path, Files.isDirectory(path) ? handled : handled & OF_FILES);
      }
      OwnedFd memory = Hugepages.transparentDirectory();
      if (memory != null) {
        allow(rules, memory, handled, "guest memory");
      }
      SandboxCalls.giveUpNewPrivileges();
      if (LandlockCalls.restrictSelf(rules.raw()) != 0) {
        throw new SyscallException("landlock_restrict_self", Native.getLastError());
      }
      return true;
    } finally {
      rules.close();
    }
  }

  private static void allow(OwnedFd rules, Path path, int rights) throws SyscallException {
    int opened = LandlockCalls.open(path.toString(), LandlockCalls.O_PATH_CLOEXEC);
    if (opened < 0) {
      int errno = Native.getLastError();
      if (errno == Errno.ENOENT) {
        return;
      }
      throw new SyscallException("open(" + path + ", O_PATH)", errno);
    }
    OwnedFd parent = new OwnedFd(opened);
    try {
      allow(rules, parent, rights, path.toString());
    } finally {
      parent.close();
    }
  }

  private static void allow(OwnedFd rules, OwnedFd parent, int rights, String what)
      throws SyscallException {
    // struct landlock_path_beneath_attr, packed: the rights as u64, the descriptor as s32.
    ByteBuffer rule = DirectBuffers.allocate(Long.BYTES + Integer.BYTES);
    rule.putLong(0, rights).putInt(Long.BYTES, parent.raw());
    if (LandlockCalls.addRule(rules.raw(), RULE_PATH_BENEATH, DirectBuffers.address(rule)) != 0) {
      throw new SyscallException("landlock_add_rule(" + what + ")", Native.getLastError());
    }
  }
}
