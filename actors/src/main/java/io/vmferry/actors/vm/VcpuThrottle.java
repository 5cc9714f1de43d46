package io.vmferry.actors.vm;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Keeps every vCPU of one Vm out of the guest for a share of the time, all at the same moments, so
 * that none spins on a lock whose holder is out.
 *
 * <p>While the share is above zero a timer thread ends slice after slice: it sets the moment until
 * which the vCPUs stay out, then kicks them. A vCPU thread looks at that moment whenever it is
 * outside of KVM_RUN; the order (moment first, kick second, and on the other side the flag cleared
 * first, the moment read second) loses no slice. The Vm's actor sets the share; never above zero
 * while postcopy fills, where no vCPU may be kicked (docs/decisions/0004-no-kick-in-postcopy.md).
 */
final class VcpuThrottle {
  private final String vmName;
  private final List<Runnable> kicks = new CopyOnWriteArrayList<>();
  private volatile long outUntilNanos = System.nanoTime();
  private @Nullable Timer timer;

  VcpuThrottle(String vmName) {
    this.vmName = vmName;
  }

  /**
   * A vCPU thread announces itself.
   *
   * @param kick brings it out of KVM_RUN; any thread
   */
  void add(Runnable kick) {
    kicks.add(kick);
  }

  /**
   * Sets the share of time the vCPUs are out; called by the Vm's actor only.
   *
   * @param percent 0, for none and no timer thread, to 99
   */
  void set(int percent) {
    Timer running = timer;
    if (percent == 0) {
      if (running != null) {
        running.end();
        timer = null;
      }
    } else if (running == null) {
      timer = new Timer(new ThrottleSlice(percent));
      timer.thread.start();
    } else {
      running.slice = new ThrottleSlice(percent);
    }
  }

  /** How long a vCPU thread must stay out from now on; not above zero if it need not. */
  long outNanos() {
    return outUntilNanos - System.nanoTime();
  }

  /** The thread of one throttling, from the first share to the lifting. */
  private final class Timer implements Runnable {
    private final Thread thread = new Thread(this, "throttle-" + vmName);
    private volatile @Nullable ThrottleSlice slice;

    Timer(ThrottleSlice slice) {
      this.slice = slice;
      thread.setDaemon(true);
    }

    void end() {
      slice = null;
      LockSupport.unpark(thread);
    }

    @Override
    public void run() {
      long inSince = System.nanoTime();
      for (ThrottleSlice now = slice; now != null; now = slice) {
        if (!waitUntil(inSince + now.inNanos())) {
          break;
        }
        long end = System.nanoTime();
        // What the vCPUs really had counts: a kick that came late is made up for.
        inSince = end + now.outNanos(end - inSince);
        outUntilNanos = inSince;
        kicks.forEach(Runnable::run);
        if (!waitUntil(inSince)) {
          break;
        }
      }
      outUntilNanos = System.nanoTime();
    }

    private boolean waitUntil(long nanos) {
      for (long left = nanos - System.nanoTime(); left > 0; left = nanos - System.nanoTime()) {
        if (slice == null) {
          return false;
        }
        LockSupport.parkNanos(this, left);
      }
      return slice != null;
    }
  }
}
