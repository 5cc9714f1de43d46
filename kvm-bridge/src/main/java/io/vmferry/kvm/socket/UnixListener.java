package io.vmferry.kvm.socket;

import com.sun.jna.Native;
import io.vmferry.kvm.Errno;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import java.io.IOException;
import java.nio.channels.AsynchronousCloseException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A listening UNIX stream socket with a file that only its owner may connect to.
 *
 * <p>Thread-safe; {@link #close} ends a blocked {@link #accept}.
 */
public final class UnixListener implements AutoCloseable {
  /** Read and write for the owner alone. */
  public static final int OWNER_ONLY = 0600;

  // As many as one migration may have connections; the kernel caps it with net.core.somaxconn.
  private static final int BACKLOG = 128;
  // Source: include/uapi/asm-generic/errno.h.
  private static final int ECONNABORTED = 103;

  private final Path path;
  private final SharedFd fd;
  private final @Nullable Object fileKey;

  private UnixListener(Path path, OwnedFd fd, @Nullable Object fileKey) {
    this.path = path;
    this.fd = new SharedFd(fd);
    this.fileKey = fileKey;
  }

  /**
   * Binds and listens with mode 0600.
   *
   * @see #bind(Path, int)
   */
  public static UnixListener bind(Path path) throws IOException {
    return bind(path, OWNER_ONLY);
  }

  /**
   * Binds and listens. A socket file that nobody answers on any more is replaced.
   *
   * @param path at most 107 bytes
   * @param mode permission bits of the file, such as 0600; it never exists with others
   * @throws SyscallException EADDRINUSE if somebody answers there or it is not a socket; others as
   *     bind(2) and listen(2) give them
   * @throws IOException if the path is too long
   */
  public static UnixListener bind(Path path, int mode) throws IOException {
    UnixAddress address = UnixAddress.of(path);
    OwnedFd fd = UnixAddress.socket(0);
    try {
      // The file that bind makes takes its mode from the socket: no window with another one.
      // Source: net/unix/af_unix.c, unix_bind_bsd.
      check(SocketCalls.fchmod(fd.raw(), mode), "fchmod", path);
      int errno = address.bind(fd);
      if (errno == Errno.EADDRINUSE && removeStale(address)) {
        errno = address.bind(fd);
      }
      if (errno != 0) {
        throw new SyscallException("bind(" + path + ")", errno);
      }
      Object fileKey = fileKey(path);
      check(SocketCalls.listen(fd.raw(), BACKLOG), "listen", path);
      return new UnixListener(path, fd, fileKey);
    } catch (IOException | RuntimeException e) {
      fd.close();
      throw e;
    }
  }

  /** The path it was bound to. */
  public Path path() {
    return path;
  }

  /**
   * Waits for the next connection. The new descriptor is close-on-exec.
   *
   * @throws AsynchronousCloseException if the listener was closed meanwhile
   * @throws java.nio.channels.ClosedChannelException if it was closed before
   * @throws SyscallException EMFILE or ENFILE without free descriptors: the connection stays queued
   */
  public UnixConnection accept() throws IOException {
    int raw = fd.enter();
    try {
      while (true) {
        int connection = SocketCalls.accept4(raw, 0, 0, SocketCalls.SOCK_CLOEXEC);
        int errno = connection < 0 ? Native.getLastError() : 0;
        if (connection >= 0) {
          return new UnixConnection(new OwnedFd(connection), path);
        }
        if (!fd.isOpen()) {
          throw new AsynchronousCloseException();
        }
        if (errno != Errno.EINTR && errno != ECONNABORTED) {
          throw new SyscallException("accept4(" + path + ")", errno);
        }
      }
    } finally {
      fd.leave();
    }
  }

  /** Whether it has not been closed. */
  public boolean isOpen() {
    return fd.isOpen();
  }

  /** Stops listening and removes the file, unless somebody has put another in its place. */
  @Override
  public synchronized void close() throws IOException {
    if (!fd.isOpen()) {
      return;
    }
    try {
      // Invariant: the file goes while this still answers on it, so nobody takes it for stale.
      if (fileKey != null && Objects.equals(fileKey, fileKey(path))) {
        Files.deleteIfExists(path);
      }
    } finally {
      fd.close();
    }
  }

  private static boolean removeStale(UnixAddress address) throws IOException {
    Object found = fileKey(address.path());
    // Non-blocking, so that a full backlog says EAGAIN: somebody is there.
    try (OwnedFd probe = UnixAddress.socket(SocketCalls.SOCK_NONBLOCK)) {
      int errno = address.connect(probe);
      if (errno == Errno.ENOENT) {
        return true;
      }
      if (errno != Errno.ECONNREFUSED || !isSocket(address.path())) {
        return false;
      }
    }
    // Not if somebody else replaced it since the probe.
    if (Objects.equals(found, fileKey(address.path()))) {
      Files.deleteIfExists(address.path());
    }
    return true;
  }

  private static boolean isSocket(Path path) throws IOException {
    // The only files that are "other" and refuse connections are sockets; a plain file refuses too.
    return Files.readAttributes(path, BasicFileAttributes.class).isOther();
  }

  private static @Nullable Object fileKey(Path path) throws IOException {
    try {
      return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  private static void check(int result, String call, Path path) throws SyscallException {
    if (result < 0) {
      throw new SyscallException(call + "(" + path + ")", Native.getLastError());
    }
  }
}
