package io.vmferry.kvm.socket;

import com.sun.jna.Native;
import io.vmferry.kvm.Errno;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.DirectBuffers;
import java.io.EOFException;
import java.io.IOException;
import java.lang.ref.Reference;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ByteChannel;
import java.nio.channels.GatheringByteChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A connected UNIX stream socket, blocking, that can pass descriptors.
 *
 * <p>Direct buffers go to the kernel as they are, also those over guest memory with missing pages:
 * the fault happens inside the call. Heap buffers are copied.
 *
 * <p>One thread may read while another writes; several readers, or writers, take turns. {@link
 * #close} from any thread ends blocked calls. Interrupting a thread does not.
 */
public final class UnixConnection implements ByteChannel, GatheringByteChannel {
  // Bounds the copy of a heap buffer; control frames, which are what comes on the heap, fit.
  private static final int BOUNCE_BYTES = 64 << 10;

  private final SharedFd fd;
  private final Path path;
  private final Object readLock = new Object();
  private final Object writeLock = new Object();
  private final Message inbound = new Message();
  private final Message outbound = new Message();
  private @Nullable ByteBuffer readBounce;
  private @Nullable ByteBuffer writeBounce;

  UnixConnection(OwnedFd fd, Path path) {
    this.fd = new SharedFd(fd);
    this.path = path;
  }

  /**
   * Connects. The descriptor is close-on-exec.
   *
   * @param path at most 107 bytes
   * @throws SyscallException ENOENT if there is no such file; ECONNREFUSED if nobody listens;
   *     EACCES without permission
   * @throws IOException if the path is too long
   */
  public static UnixConnection connect(Path path) throws IOException {
    UnixAddress address = UnixAddress.of(path);
    OwnedFd fd = UnixAddress.socket(0);
    int errno;
    do {
      errno = address.connect(fd);
    } while (errno == Errno.EINTR);
    if (errno != 0) {
      fd.close();
      throw new SyscallException("connect(" + path + ")", errno);
    }
    return new UnixConnection(fd, path);
  }

  /** The path it was connected through. */
  public Path path() {
    return path;
  }

  /**
   * Reads what is there, at least one byte unless the buffer is full.
   *
   * @return the number of bytes; -1 at the end of the stream
   * @throws SocketTimeoutException if the read timeout passed
   * @throws AsynchronousCloseException if the connection was closed meanwhile
   * @throws SyscallException ECONNRESET if the peer broke the connection
   */
  @Override
  public int read(ByteBuffer destination) throws IOException {
    if (!destination.hasRemaining()) {
      return 0;
    }
    synchronized (readLock) {
      ByteBuffer target = destination.isDirect() ? destination : readBounce(destination);
      int count = receive(target);
      if (count > 0 && !destination.isDirect()) {
        destination.put(target.flip());
      }
      return count;
    }
  }

  /**
   * Writes the whole buffer.
   *
   * @return the number of bytes
   * @throws AsynchronousCloseException if the connection was closed meanwhile
   * @throws SyscallException EPIPE or ECONNRESET if the peer has closed
   */
  @Override
  public int write(ByteBuffer source) throws IOException {
    int total = source.remaining();
    synchronized (writeLock) {
      while (source.hasRemaining()) {
        ByteBuffer from = source.isDirect() ? source : writeBounce(source);
        sendAll(from);
      }
    }
    return total;
  }

  /**
   * Writes all of several buffers, direct ones in one call as far as the kernel takes them.
   *
   * @return the number of bytes
   * @see #write(ByteBuffer)
   */
  @Override
  public long write(ByteBuffer[] sources, int offset, int length) throws IOException {
    Objects.checkFromIndexSize(offset, length, sources.length);
    long total = 0;
    synchronized (writeLock) {
      int end = offset + length;
      for (int first = offset; first < end; ) {
        int next = first;
        while (next < end && next - first < Message.MAX_PARTS && sources[next].isDirect()) {
          total += sources[next++].remaining();
        }
        if (next == first) {
          total += write(sources[next++]);
        } else {
          sendParts(sources, first, next);
        }
        first = next;
      }
    }
    return total;
  }

  /** Writes all of several buffers. */
  @Override
  public long write(ByteBuffer[] sources) throws IOException {
    return write(sources, 0, sources.length);
  }

  /**
   * Writes the whole buffer, with a descriptor beside its first byte (SCM_RIGHTS).
   *
   * @param source at least one byte
   * @param passed stays the caller's to close; the peer gets a descriptor of its own
   * @throws SyscallException as {@link #write(ByteBuffer)}; EBADF if {@code passed} is not open;
   *     ETOOMANYREFS if too many descriptors are in flight
   */
  public void sendWithFd(ByteBuffer source, OwnedFd passed) throws IOException {
    if (!source.hasRemaining()) {
      throw new IllegalArgumentException("a descriptor needs at least one byte beside it");
    }
    synchronized (writeLock) {
      ByteBuffer from = source.isDirect() ? source : writeBounce(source);
      outbound.attach(passed.raw());
      sendMessage(new ByteBuffer[] {from}, 0, 1);
      sendAll(from);
      write(source);
    }
  }

  /**
   * Reads what is there, at least one byte, and the descriptor that came beside it. The call stops
   * behind the bytes that were sent with a descriptor, but bytes sent before them may come along: a
   * protocol gives exactly the room that the frame needs. A plain {@link #read} loses descriptors.
   *
   * @param destination with at least one byte of room
   * @return the descriptor, close-on-exec and the caller's to close, or null if none came
   * @throws EOFException at the end of the stream
   * @throws IOException if several descriptors came at once: they are closed
   * @throws SocketTimeoutException if the read timeout passed
   */
  public @Nullable OwnedFd receiveWithFd(ByteBuffer destination) throws IOException {
    if (!destination.hasRemaining()) {
      throw new IllegalArgumentException("no room for the byte that comes with a descriptor");
    }
    synchronized (readLock) {
      ByteBuffer target = destination.isDirect() ? destination : readBounce(destination);
      inbound.expectDescriptors();
      inbound.parts(new ByteBuffer[] {target}, 0, 1);
      int raw = fd.enter();
      try {
        long count;
        do {
          count = SocketCalls.recvmsg(raw, inbound.address(), SocketCalls.MSG_CMSG_CLOEXEC);
        } while (count < 0 && interrupted("recvmsg"));
        OwnedFd received = inbound.takeDescriptor();
        if (count == 0) {
          if (received != null) {
            received.close();
          }
          endOfStream();
          throw new EOFException("the peer of " + path + " closed the connection");
        }
        target.position(target.position() + (int) count);
        if (!destination.isDirect()) {
          destination.put(target.flip());
        }
        return received;
      } finally {
        Reference.reachabilityFence(target);
        fd.leave();
      }
    }
  }

  /**
   * Limits how long a read waits for its first byte.
   *
   * @param timeout zero for no limit
   * @throws SyscallException if the kernel refuses
   */
  public void setReadTimeout(Duration timeout) throws IOException {
    // Source: include/uapi/linux/time_types.h, struct timeval: seconds, microseconds. All zero
    // means none, so a timeout below one microsecond is rounded up.
    long micros = timeout.isZero() ? 0 : Math.max(1, timeout.toNanos() / 1000);
    ByteBuffer value = DirectBuffers.allocate(16);
    value.putLong(micros / 1_000_000).putLong(micros % 1_000_000).flip();
    int raw = fd.enter();
    try {
      int result =
          SocketCalls.setsockopt(
              raw,
              SocketCalls.SOL_SOCKET,
              SocketCalls.SO_RCVTIMEO,
              DirectBuffers.address(value),
              value.remaining());
      if (result < 0) {
        throw new SyscallException("setsockopt(SO_RCVTIMEO, " + path + ")", Native.getLastError());
      }
    } finally {
      Reference.reachabilityFence(value);
      fd.leave();
    }
  }

  /**
   * Ends both directions: readers here and there see the end of the stream, writers EPIPE. The
   * descriptor stays until {@link #close}.
   */
  public void shutdown() throws IOException {
    shutdown(SocketCalls.SHUT_RDWR);
  }

  /** Ends what this side writes: the peer reads the end of the stream and may write on. */
  public void shutdownOutput() throws IOException {
    shutdown(SocketCalls.SHUT_WR);
  }

  private void shutdown(int how) throws IOException {
    int raw = fd.enter();
    try {
      SocketCalls.shutdown(raw, how);
    } finally {
      fd.leave();
    }
  }

  @Override
  public boolean isOpen() {
    return fd.isOpen();
  }

  /** Closes the connection; calls that are blocked on it end with AsynchronousCloseException. */
  @Override
  public void close() {
    fd.close();
  }

  private int receive(ByteBuffer target) throws IOException {
    int raw = fd.enter();
    try {
      long count;
      do {
        count = SocketCalls.recv(raw, DirectBuffers.address(target), target.remaining(), 0);
      } while (count < 0 && interrupted("recv"));
      if (count == 0) {
        return endOfStream();
      }
      target.position(target.position() + (int) count);
      return (int) count;
    } finally {
      Reference.reachabilityFence(target);
      fd.leave();
    }
  }

  private void sendAll(ByteBuffer from) throws IOException {
    int raw = fd.enter();
    try {
      while (from.hasRemaining()) {
        long count =
            SocketCalls.send(
                raw, DirectBuffers.address(from), from.remaining(), SocketCalls.MSG_NOSIGNAL);
        if (count >= 0) {
          from.position(from.position() + (int) count);
        } else {
          interrupted("send");
        }
      }
    } finally {
      Reference.reachabilityFence(from);
      fd.leave();
    }
  }

  private void sendParts(ByteBuffer[] sources, int first, int end) throws IOException {
    outbound.detach();
    while (first < end) {
      if (sources[first].hasRemaining()) {
        sendMessage(sources, first, end);
      } else {
        first++;
      }
    }
  }

  private void sendMessage(ByteBuffer[] sources, int first, int end) throws IOException {
    outbound.parts(sources, first, end);
    int raw = fd.enter();
    try {
      long count;
      do {
        count = SocketCalls.sendmsg(raw, outbound.address(), SocketCalls.MSG_NOSIGNAL);
      } while (count < 0 && interrupted("sendmsg"));
      for (int i = first; i < end; i++) {
        int step = (int) Math.min(count, sources[i].remaining());
        sources[i].position(sources[i].position() + step);
        count -= step;
      }
    } finally {
      Reference.reachabilityFence(sources);
      fd.leave();
    }
  }

  /** True if a failed call is to be repeated; throws what it failed with otherwise. */
  private boolean interrupted(String call) throws IOException {
    int errno = Native.getLastError();
    if (!fd.isOpen()) {
      throw new AsynchronousCloseException();
    }
    if (errno == Errno.EAGAIN) {
      throw new SocketTimeoutException("no data came on " + path + " in time");
    }
    if (errno != Errno.EINTR) {
      throw new SyscallException(call + "(" + path + ")", errno);
    }
    return true;
  }

  private int endOfStream() throws AsynchronousCloseException {
    if (!fd.isOpen()) {
      throw new AsynchronousCloseException();
    }
    return -1;
  }

  private ByteBuffer readBounce(ByteBuffer destination) {
    if (readBounce == null) {
      readBounce = DirectBuffers.allocate(BOUNCE_BYTES);
    }
    return readBounce.clear().limit(Math.min(BOUNCE_BYTES, destination.remaining()));
  }

  /** The next part of a heap buffer, copied; its position moves on. */
  private ByteBuffer writeBounce(ByteBuffer source) {
    if (writeBounce == null) {
      writeBounce = DirectBuffers.allocate(BOUNCE_BYTES);
    }
    int count = Math.min(BOUNCE_BYTES, source.remaining());
    ByteBuffer part = source.duplicate().limit(source.position() + count);
    source.position(source.position() + count);
    return writeBounce.clear().put(part).flip();
  }
}
