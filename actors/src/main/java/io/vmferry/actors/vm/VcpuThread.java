package io.vmferry.actors.vm;

import io.vmferry.actors.machine.Machine;
import io.vmferry.kvm.Exit;
import io.vmferry.kvm.KvmVcpu;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The thread that runs one vCPU. KVM wants every ioctl of a vCPU from the thread that made it, so
 * the actor only leaves orders here and hears of what came of them.
 *
 * <p>An order reaches a running vCPU by a kick: {@code immediate_exit} makes the next KVM_RUN
 * return at once, the signal ends one under way. After EINTR the flag is cleared first, the orders
 * and the throttle are read then: the other way round what comes in between would be lost. A
 * throttled vCPU waits for orders while it is kept out of the guest, so it obeys at once.
 */
final class VcpuThread implements Runnable {
  /** What the actor wants of its thread. */
  enum Order {
    RUN,
    PAUSE,
    SAVE,
    END
  }

  // What a read of an address without a device gives on a PC bus.
  private static final long NOTHING_THERE = -1L;

  private final int index;
  private final Machine machine;
  private final VcpuStart start;
  private final VcpuThrottle throttle;
  private final VcpuListener listener;
  private final ConcurrentLinkedQueue<Order> orders = new ConcurrentLinkedQueue<>();
  private final Semaphore orderCount = new Semaphore(0);
  private final Thread thread;
  private volatile @Nullable KvmVcpu vcpu;

  VcpuThread(
      int index, Machine machine, VcpuStart start, VcpuThrottle throttle, VcpuListener listener) {
    this.index = index;
    this.machine = machine;
    this.start = start;
    this.throttle = throttle;
    this.listener = listener;
    this.thread = new Thread(this, "vcpu-" + machine.name() + "-" + index);
    this.thread.setDaemon(true);
  }

  void start() {
    machine.enter();
    throttle.add(this::kick);
    thread.start();
  }

  /** Leaves an order; any thread. */
  void order(Order order) {
    orders.add(order);
    orderCount.release();
    kick();
  }

  private void kick() {
    KvmVcpu running = vcpu;
    if (running != null) {
      running.requestExit();
    }
  }

  @Override
  public void run() {
    try (KvmVcpu own = machine.kvm().createVcpu(index)) {
      start.apply(own, machine.cpuid(), index);
      vcpu = own;
      listener.ready();
      obey(own);
    } catch (IOException | RuntimeException e) {
      listener.failed(e);
    } catch (Error e) {
      // Such as a class that cannot be loaded without descriptors: whoever waits must hear of it.
      listener.failed(new IOException("the thread of vCPU " + index + " broke; see the log", e));
      throw e;
    } finally {
      vcpu = null;
      machine.leave();
      listener.ended();
    }
  }

  private void obey(KvmVcpu own) throws IOException {
    boolean running = false;
    while (true) {
      if (!running) {
        orderCount.acquireUninterruptibly();
      } else if (!orderCame()) {
        running = runOnce(own);
        continue;
      }
      Order order = orders.remove();
      switch (order) {
        case RUN -> {
          running = true;
          listener.running();
        }
        case PAUSE -> {
          running = false;
          completeIo(own);
          listener.paused();
        }
        case SAVE -> listener.saved(own.saveState());
        case END -> {
          return;
        }
      }
    }
  }

  /** Whether there is an order now, or one comes while the throttle keeps the vCPU out. */
  private boolean orderCame() throws InterruptedIOException {
    long outNanos = throttle.outNanos();
    if (outNanos <= 0) {
      return orderCount.tryAcquire();
    }
    try {
      return orderCount.tryAcquire(outNanos, TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      throw new InterruptedIOException("the vCPU's thread was interrupted");
    }
  }

  /** Runs the guest until an exit; false if it cannot go on. */
  private boolean runOnce(KvmVcpu own) throws IOException {
    Exit exit = own.run();
    return switch (exit) {
      case INTERRUPTED -> {
        own.setImmediateExit(false);
        yield true;
      }
      case IO -> {
        machine.ports().dispatch(own);
        yield !machine.resetAsked() || stop("the guest asked for a reset");
      }
      case MMIO -> mmio(own);
      case HLT -> stop("the guest halted with no interrupt controller to wake it");
      case SHUTDOWN -> stop("the guest shut down (triple fault or power-off)");
      default -> {
        listener.failed(new IOException(own.errorDetail()));
        yield false;
      }
    };
  }

  private boolean stop(String why) {
    listener.stopped(why);
    return false;
  }

  /** Serves the rest of an instruction that was interrupted half-way by its own exits. */
  private void completeIo(KvmVcpu own) throws IOException {
    Exit exit = own.completePendingIo();
    while (exit == Exit.IO || exit == Exit.MMIO) {
      if (exit == Exit.IO) {
        machine.ports().dispatch(own);
      } else if (!mmio(own)) {
        return;
      }
      exit = own.completePendingIo();
    }
  }

  private boolean mmio(KvmVcpu own) {
    if (machine.memory().find(own.mmioAddress(), own.mmioLength()) != null) {
      // KVM could not read guest memory, such as a page whose source is gone, and takes it for a
      // device. Going on would feed the guest wrong data.
      listener.failed(
          new IOException(
              "guest memory at "
                  + own.mmioAddress()
                  + " could not be accessed; a page is missing"));
      return false;
    }
    if (!own.mmioIsWrite()) {
      own.setMmioData(NOTHING_THERE);
    }
    return true;
  }
}
