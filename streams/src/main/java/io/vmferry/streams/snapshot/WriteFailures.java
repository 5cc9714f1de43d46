package io.vmferry.streams.snapshot;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.SyscallException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;

/** Says in one sentence why a snapshot cannot be written. */
public final class WriteFailures {
  // What the JDK makes of strerror(ENOSPC) and of EDQUOT.
  private static final String NO_SPACE = "No space left on device";
  private static final String NO_QUOTA = "Disk quota exceeded";

  private WriteFailures() {}

  /**
   * The failure for the user; the cause itself if it is one already.
   *
   * @param where to, as in "written to ..."
   */
  public static SnapshotException of(String where, IOException cause) {
    if (cause instanceof SnapshotException said) {
      return said;
    }
    if (isFull(cause)) {
      return new SnapshotException("There is no room for the snapshot in " + where + ".", cause);
    }
    if (isForbidden(cause)) {
      return new SnapshotException("There is no permission to write to " + where + ".", cause);
    }
    return new SnapshotException("The snapshot cannot be written to " + where + ".", cause);
  }

  private static boolean isFull(IOException cause) {
    if (cause instanceof SyscallException syscall) {
      return syscall.errno() == Errno.ENOSPC || syscall.errno() == Errno.EDQUOT;
    }
    String reason = cause instanceof FileSystemException file ? file.getReason() : null;
    return NO_SPACE.equals(reason) || NO_QUOTA.equals(reason);
  }

  private static boolean isForbidden(IOException cause) {
    return cause instanceof AccessDeniedException
        || (cause instanceof SyscallException syscall && syscall.errno() == Errno.EACCES);
  }
}
