package io.vmferry.kvm.uffd;

import com.sun.jna.Native;
import io.vmferry.kvm.Errno;
import io.vmferry.kvm.Hva;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.DirectBuffers;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;

/**
 * A userfaultfd: tells of accesses to watched memory whose pages are missing or protected, and puts
 * pages there. It also sees accesses that KVM makes for a guest.
 *
 * <p>The descriptor is non-blocking and close-on-exec: wait for it with {@link
 * io.vmferry.kvm.event.Epoll}. Thread-safe, but for {@link #close}, which must not race other
 * calls; closing unwatches everything and lets waiting threads go on with what the memory holds.
 *
 * @see <a href="https://docs.kernel.org/admin-guide/mm/userfaultfd.html">Userfaultfd</a>
 */
public final class Uffd implements PageInstaller, AutoCloseable {
  /** What a watched range reports. */
  public enum Mode {
    /** Accesses to pages that do not exist. */
    MISSING(1),
    /** Writes to pages protected with {@link Uffd#writeProtect}. */
    WRITE_PROTECT(2),
    /** Accesses to pages that the file has and the mapping has not. */
    MINOR(4);

    private final long bit;

    Mode(long bit) {
      this.bit = bit;
    }
  }

  /** What a kernel may or may not be able to do. */
  public enum Feature {
    /** {@link Mode#WRITE_PROTECT} on anonymous memory. */
    WRITE_PROTECT(1),
    /** An event for pages that are dropped: until it is read, installing answers RETRY. */
    EVENT_REMOVE(1 << 3),
    /** {@link Mode#MISSING} on hugepages. */
    MISSING_HUGETLBFS(1 << 4),
    /** {@link Mode#MISSING} on memfds. */
    MISSING_SHMEM(1 << 5),
    /** {@link Mode#MINOR} on hugepages. */
    MINOR_HUGETLBFS(1 << 9),
    /** {@link Mode#MINOR} on memfds. */
    MINOR_SHMEM(1 << 10),
    /** {@link Mode#WRITE_PROTECT} on memfds and hugepages. */
    WRITE_PROTECT_SHARED(1 << 12);

    private final long bit;

    Feature(long bit) {
      this.bit = bit;
    }
  }

  /** What {@link #open()} asks for: missing and minor faults on memfds of every page size. */
  public static final Set<Feature> MIGRATION =
      Set.of(
          Feature.MISSING_HUGETLBFS,
          Feature.MISSING_SHMEM,
          Feature.MINOR_HUGETLBFS,
          Feature.MINOR_SHMEM);

  private static final String DEVICE = "/dev/userfaultfd";

  /** One argument block for each thread: several install pages at once. */
  private static final ThreadLocal<Argument> ARGUMENT = ThreadLocal.withInitial(Argument::new);

  private final OwnedFd fd;

  private Uffd(OwnedFd fd) {
    this.fd = fd;
  }

  /**
   * Opens one that can do what a migration needs ({@link #MIGRATION}).
   *
   * @see #open(Set)
   */
  public static Uffd open() throws SyscallException {
    return open(MIGRATION);
  }

  /**
   * Opens one with certain features: through /dev/userfaultfd, else by the system call. Never with
   * UFFD_USER_MODE_ONLY, under which a guest's access to a missing page becomes a silent MMIO exit.
   *
   * @throws SyscallException EPERM or EACCES without permission on the device and without
   *     CAP_SYS_PTRACE; EINVAL if the kernel lacks a feature; ENOSYS without userfaultfd
   */
  public static Uffd open(Set<Feature> features) throws SyscallException {
    OwnedFd fd = create();
    try {
      long bits = 0;
      for (Feature feature : features) {
        bits |= feature.bit;
      }
      handshake(fd, bits);
      return new Uffd(fd);
    } catch (SyscallException | RuntimeException e) {
      fd.close();
      throw e;
    }
  }

  /**
   * Takes over one opened elsewhere, possibly by another process: its faults and addresses are that
   * process's.
   *
   * @param fd an opened userfaultfd, non-blocking
   */
  public static Uffd adopt(OwnedFd fd) {
    return new Uffd(fd);
  }

  /**
   * The features of {@link Feature} that the kernel has.
   *
   * @throws SyscallException as {@link #open(Set)}
   */
  public static Set<Feature> supported() throws SyscallException {
    try (OwnedFd fd = create()) {
      long bits = handshake(fd, 0);
      Set<Feature> features = EnumSet.noneOf(Feature.class);
      for (Feature feature : Feature.values()) {
        if ((bits & feature.bit) != 0) {
          features.add(feature);
        }
      }
      return features;
    }
  }

  /**
   * Watches a mapped range.
   *
   * @param start at a page's start, of the size of the pages there
   * @param lengthBytes a multiple of that page size
   * @throws SyscallException EINVAL if the range is not mapped, not whole pages, or of a kind the
   *     opened features do not cover; EBUSY if another userfaultfd watches it
   */
  public void register(Hva start, long lengthBytes, Set<Mode> modes) throws SyscallException {
    long bits = 0;
    for (Mode mode : modes) {
      bits |= mode.bit;
    }
    Argument argument = ARGUMENT.get();
    argument.range(start.value(), lengthBytes).putLong(UffdCalls.REGISTER_MODE, bits);
    call(UffdCalls.UFFDIO_REGISTER, "UFFDIO_REGISTER", argument, start, lengthBytes);
  }

  /**
   * Stops watching a range and wakes who waits there.
   *
   * @throws SyscallException EINVAL if the range is not whole pages of watched memory
   */
  public void unregister(Hva start, long lengthBytes) throws SyscallException {
    Argument argument = ARGUMENT.get();
    argument.range(start.value(), lengthBytes);
    call(UffdCalls.UFFDIO_UNREGISTER, "UFFDIO_UNREGISTER", argument, start, lengthBytes);
  }

  @Override
  public Installed copy(Hva destination, long sourceAddress, long lengthBytes, boolean wake)
      throws SyscallException {
    Argument argument = ARGUMENT.get();
    long mode = wake ? 0 : UffdCalls.MODE_DONTWAKE;
    long done = 0;
    while (true) {
      argument
          .bytes
          .putLong(UffdCalls.COPY_DST, destination.value() + done)
          .putLong(UffdCalls.COPY_SRC, sourceAddress + done)
          .putLong(UffdCalls.COPY_LEN, lengthBytes - done)
          .putLong(UffdCalls.COPY_MODE, mode)
          .putLong(UffdCalls.COPY_DONE, 0);
      int errno = ioctl(UffdCalls.UFFDIO_COPY, argument);
      long step = argument.bytes.getLong(UffdCalls.COPY_DONE);
      done += Math.max(0, step);
      if (errno == 0
          || settled(UffdCalls.UFFDIO_COPY, errno, step, "UFFDIO_COPY", destination, done)) {
        return finish(destination, lengthBytes, done, errno, wake);
      }
    }
  }

  @Override
  public Installed resume(Hva start, long lengthBytes) throws SyscallException {
    return install(UffdCalls.UFFDIO_CONTINUE, "UFFDIO_CONTINUE", start, lengthBytes);
  }

  @Override
  public Installed zeropage(Hva start, long lengthBytes) throws SyscallException {
    return install(UffdCalls.UFFDIO_ZEROPAGE, "UFFDIO_ZEROPAGE", start, lengthBytes);
  }

  @Override
  public void wake(Hva start, long lengthBytes) throws SyscallException {
    Argument argument = ARGUMENT.get();
    argument.range(start.value(), lengthBytes);
    call(UffdCalls.UFFDIO_WAKE, "UFFDIO_WAKE", argument, start, lengthBytes);
  }

  /**
   * Protects pages against writes, or lifts that and wakes who waits to write.
   *
   * @param protect true to be told of the next write to each page
   * @return INSTALLED, or RETRY if the address space is changing and nothing was done
   * @throws SyscallException ENOENT if the range is not watched for {@link Mode#WRITE_PROTECT}
   */
  public Outcome writeProtect(Hva start, long lengthBytes, boolean protect)
      throws SyscallException {
    Argument argument = ARGUMENT.get();
    argument
        .range(start.value(), lengthBytes)
        .putLong(UffdCalls.WRITEPROTECT_MODE, protect ? UffdCalls.WRITEPROTECT_MODE_WP : 0);
    int errno = ioctl(UffdCalls.UFFDIO_WRITEPROTECT, argument);
    if (errno == 0) {
      return Outcome.INSTALLED;
    }
    if (errno == Errno.EAGAIN) {
      return Outcome.RETRY;
    }
    throw failure("UFFDIO_WRITEPROTECT", start, lengthBytes, errno);
  }

  /**
   * Reads the faults that are pending, without waiting.
   *
   * @return their number, 0 if there is none
   * @throws SyscallException if the kernel refuses
   */
  public int read(FaultBatch into) throws SyscallException {
    try {
      while (true) {
        long count = UffdCalls.read(fd.raw(), into.bufferAddress(), into.bufferBytes());
        if (count >= 0) {
          into.received((int) count);
          return into.size();
        }
        int errno = Native.getLastError();
        if (errno == Errno.EAGAIN) {
          into.received(0);
          return 0;
        }
        if (errno != Errno.EINTR) {
          throw new SyscallException("read(uffd, " + fd + ")", errno);
        }
      }
    } finally {
      Reference.reachabilityFence(into);
    }
  }

  /** The descriptor, still owned here: readable while faults are pending. */
  public OwnedFd fd() {
    return fd;
  }

  @Override
  public void close() {
    fd.close();
  }

  private Installed install(long request, String name, Hva start, long lengthBytes)
      throws SyscallException {
    Argument argument = ARGUMENT.get();
    long done = 0;
    while (true) {
      argument
          .range(start.value() + done, lengthBytes - done)
          .putLong(UffdCalls.INSTALL_MODE, 0)
          .putLong(UffdCalls.INSTALL_DONE, 0);
      int errno = ioctl(request, argument);
      long step = argument.bytes.getLong(UffdCalls.INSTALL_DONE);
      done += Math.max(0, step);
      if (errno == 0 || settled(request, errno, step, name, start, done)) {
        return finish(start, lengthBytes, done, errno, true);
      }
    }
  }

  /**
   * Whether a failed call has said what there is to say. One that stopped half-way reports EAGAIN
   * with what it did; the reason comes from trying again from there.
   */
  private boolean settled(long request, int errno, long step, String name, Hva start, long done)
      throws SyscallException {
    if (errno == Errno.EEXIST) {
      return true;
    }
    if (errno == Errno.EAGAIN) {
      return step <= 0;
    }
    if (errno == Errno.EFAULT && request == UffdCalls.UFFDIO_CONTINUE) {
      return true;
    }
    throw failure(name, start, done, errno);
  }

  private Installed finish(Hva start, long lengthBytes, long done, int errno, boolean wake)
      throws SyscallException {
    if (errno == 0) {
      return new Installed(Outcome.INSTALLED, done);
    }
    if (errno == Errno.EAGAIN) {
      return new Installed(Outcome.RETRY, done);
    }
    if (errno == Errno.EFAULT) {
      return new Installed(Outcome.HOLE, done);
    }
    if (wake) {
      // The page came by another way, maybe without a wake-up. A waiter whose page is still
      // missing touches it again and is reported again.
      wake(start.plus(done), lengthBytes - done);
    }
    return new Installed(Outcome.ALREADY_PRESENT, done);
  }

  private void call(long request, String name, Argument argument, Hva start, long lengthBytes)
      throws SyscallException {
    int errno = ioctl(request, argument);
    if (errno != 0) {
      throw failure(name, start, lengthBytes, errno);
    }
  }

  private SyscallException failure(String name, Hva start, long lengthBytes, int errno) {
    return new SyscallException(
        "ioctl(" + name + ", " + fd + ", " + start + ", " + lengthBytes + ")", errno);
  }

  private int ioctl(long request, Argument argument) {
    return ioctl(fd, request, argument.address);
  }

  /** Calls until no signal interrupts; 0 or the errno. */
  private static int ioctl(OwnedFd fd, long request, long argument) {
    while (UffdCalls.ioctl(fd.raw(), request, argument) < 0) {
      int errno = Native.getLastError();
      if (errno != Errno.EINTR) {
        return errno;
      }
    }
    return 0;
  }

  private static OwnedFd create() throws SyscallException {
    int flags = UffdCalls.O_CLOEXEC | UffdCalls.O_NONBLOCK;
    int device = UffdCalls.open(DEVICE, UffdCalls.O_RDWR | UffdCalls.O_CLOEXEC);
    if (device >= 0) {
      try (OwnedFd opened = new OwnedFd(device)) {
        int raw = UffdCalls.ioctl(opened.raw(), UffdCalls.USERFAULTFD_IOC_NEW, flags);
        if (raw < 0) {
          throw new SyscallException("ioctl(USERFAULTFD_IOC_NEW)", Native.getLastError());
        }
        return new OwnedFd(raw);
      }
    }
    int raw = (int) UffdCalls.syscall(UffdCalls.NR_USERFAULTFD, flags);
    if (raw < 0) {
      throw new SyscallException(
          "userfaultfd(), after " + DEVICE + " could not be opened,", Native.getLastError());
    }
    return new OwnedFd(raw);
  }

  /** Agrees on features; the ones the kernel has. */
  private static long handshake(OwnedFd fd, long features) throws SyscallException {
    Argument argument = ARGUMENT.get();
    argument
        .bytes
        .putLong(0, UffdCalls.UFFD_API)
        .putLong(UffdCalls.API_FEATURES, features)
        .putLong(UffdCalls.API_FEATURES + Long.BYTES, 0);
    int errno = ioctl(fd, UffdCalls.UFFDIO_API, argument.address);
    if (errno != 0) {
      throw new SyscallException(
          "ioctl(UFFDIO_API, features=0x" + Long.toHexString(features) + ")", errno);
    }
    return argument.bytes.getLong(UffdCalls.API_FEATURES);
  }

  /** The argument block of an ioctl, as large as the largest. */
  private static final class Argument {
    private final ByteBuffer bytes = DirectBuffers.allocate(UffdCalls.COPY_BYTES);
    private final long address = DirectBuffers.address(bytes);

    ByteBuffer range(long start, long lengthBytes) {
      return bytes.putLong(UffdCalls.START, start).putLong(UffdCalls.LENGTH, lengthBytes);
    }
  }
}
