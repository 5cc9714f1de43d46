package io.vmferry.kvm;

import java.util.Map;

/**
 * Error numbers this module tells apart, and the names of the common ones.
 *
 * <p>Source: include/uapi/asm-generic/errno-base.h and errno.h.
 */
public final class Errno {
  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int EINTR = 4;
  public static final int EIO = 5;
  public static final int E2BIG = 7;
  public static final int EBADF = 9;
  public static final int EAGAIN = 11;
  public static final int ENOMEM = 12;
  public static final int EACCES = 13;
  public static final int EFAULT = 14;
  public static final int EBUSY = 16;
  public static final int EEXIST = 17;
  public static final int ENODEV = 19;
  public static final int EINVAL = 22;
  public static final int EMFILE = 24;
  public static final int ENOTTY = 25;
  public static final int ENOSPC = 28;

  /** The user's share of the disk is used up. */
  public static final int EDQUOT = 122;

  public static final int ESPIPE = 29;
  public static final int EPIPE = 32;
  public static final int ENOSYS = 38;
  public static final int ENXIO = 6;
  public static final int ESRCH = 3;
  public static final int EADDRINUSE = 98;
  public static final int ECONNRESET = 104;
  public static final int ETIMEDOUT = 110;
  public static final int ECONNREFUSED = 111;

  private static final Map<Integer, String> NAMES =
      Map.ofEntries(
          Map.entry(EPERM, "EPERM"),
          Map.entry(ENOENT, "ENOENT"),
          Map.entry(EINTR, "EINTR"),
          Map.entry(EIO, "EIO"),
          Map.entry(E2BIG, "E2BIG"),
          Map.entry(EBADF, "EBADF"),
          Map.entry(EAGAIN, "EAGAIN"),
          Map.entry(ENOMEM, "ENOMEM"),
          Map.entry(EACCES, "EACCES"),
          Map.entry(EFAULT, "EFAULT"),
          Map.entry(EBUSY, "EBUSY"),
          Map.entry(EEXIST, "EEXIST"),
          Map.entry(ENODEV, "ENODEV"),
          Map.entry(EINVAL, "EINVAL"),
          Map.entry(EMFILE, "EMFILE"),
          Map.entry(ENOTTY, "ENOTTY"),
          Map.entry(ENOSPC, "ENOSPC"),
          Map.entry(EDQUOT, "EDQUOT"),
          Map.entry(ESPIPE, "ESPIPE"),
          Map.entry(EPIPE, "EPIPE"),
          Map.entry(ENOSYS, "ENOSYS"),
          Map.entry(ENXIO, "ENXIO"),
          Map.entry(ESRCH, "ESRCH"),
          Map.entry(EADDRINUSE, "EADDRINUSE"),
          Map.entry(ECONNRESET, "ECONNRESET"),
          Map.entry(ETIMEDOUT, "ETIMEDOUT"),
          Map.entry(ECONNREFUSED, "ECONNREFUSED"));

  private Errno() {}

  /** The symbolic name, or {@code errno} for a number not listed here. */
  public static String name(int errno) {
    return NAMES.getOrDefault(errno, "errno");
  }
}
