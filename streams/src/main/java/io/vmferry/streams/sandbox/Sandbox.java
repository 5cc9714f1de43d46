package io.vmferry.streams.sandbox;

import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.kvm.sandbox.Seccomp;
import io.vmferry.kvm.sandbox.SeccompMode;
import io.vmferry.streams.compression.BlockCodec;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.actor.ClassicActorSystemProvider;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How threads are fenced in that serve pages or hear a peer; from {@code vmferry.sandbox} in the
 * configuration.
 *
 * <p>Work on such a thread must leave to {@link Outside} whatever may start a thread, and needs
 * nothing else: classes are loaded, garbage is collected and exceptions are thrown as anywhere.
 *
 * <p>Thread-safe.
 */
public final class Sandbox {
  /** No fences. */
  public static final Sandbox OFF = new Sandbox(SeccompMode.OFF);

  /** Where the mode is in the configuration. */
  public static final String SECCOMP = "vmferry.sandbox.seccomp";

  private static final Logger LOG = LoggerFactory.getLogger(Sandbox.class);
  // The JDK's text for EPERM, which is all that its own exceptions say of the error.
  private static final String REFUSED = "Operation not permitted";
  private static final Map<SeccompMode, Sandbox> MODES = new ConcurrentHashMap<>();
  private static final AtomicLong REFUSALS = new AtomicLong();

  private final SeccompMode mode;

  private Sandbox(SeccompMode mode) {
    this.mode = mode;
  }

  /** Fences of a mode; none, and a warning once, on a host that cannot do it. */
  public static Sandbox of(SeccompMode mode) {
    return mode == SeccompMode.OFF ? OFF : MODES.computeIfAbsent(mode, Sandbox::prepared);
  }

  /** Each connection asks for its fences; what they need is looked at and loaded once. */
  private static Sandbox prepared(SeccompMode mode) {
    if (!Seccomp.isAvailable(mode)) {
      LOG.warn("This host has no seccomp for mode {}: threads are not fenced in", mode);
      return OFF;
    }
    // Their native parts are unpacked into a file when they are first used.
    BlockCodec.load();
    return new Sandbox(mode);
  }

  /**
   * The fences that a system is configured with.
   *
   * @throws IllegalArgumentException if there is no such mode
   */
  public static Sandbox of(ClassicActorSystemProvider system) {
    ActorSystem classic = system.classicSystem();
    return of(SeccompMode.parse(classic.settings().config().getString(SECCOMP)));
  }

  /** What becomes of a call that is not on the list. */
  public SeccompMode mode() {
    return mode;
  }

  /** A daemon thread for one piece of work, not started. */
  public Thread thread(SandboxRole role, String name, Runnable work) {
    if (mode != SeccompMode.OFF) {
      return new FencedThread(role, mode, name, work);
    }
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    return thread;
  }

  /** A thread for many; it is started when it is first needed. */
  public FencedWorker worker(SandboxRole role, String name) {
    return new FencedWorker(this, role, name);
  }

  /**
   * Computes something on a thread of its own, and waits for it: for a document of a peer's.
   *
   * @throws IOException as it throws it
   */
  public <T> T compute(SandboxRole role, String name, Callable<T> work) throws IOException {
    FutureTask<T> task = new FutureTask<>(work);
    if (mode == SeccompMode.OFF) {
      task.run();
    } else {
      thread(role, name, task).start();
    }
    return result(task);
  }

  /** What a fenced thread computes, once it has. */
  <T> T result(FutureTask<T> task) throws IOException {
    try {
      return Results.of(task);
    } catch (IOException e) {
      throw noticed(e);
    }
  }

  /**
   * Looks whether a failure on a fenced thread is one of the fence, counts it, and says so in the
   * log the first time: it is a list that is too short, or an intruder.
   *
   * @return the same failure
   */
  public <E extends Exception> E noticed(E failure) {
    if (mode != SeccompMode.OFF && isRefusal(failure) && REFUSALS.incrementAndGet() == 1) {
      LOG.error(
          "The sandbox refused a system call, or the host did; the kernel's log has its number and"
              + " the thread (type=1326). {}=off does without",
          SECCOMP,
          failure);
    }
    return failure;
  }

  /** Failures of fenced threads so far that look like a refused call. */
  public static long refusals() {
    return REFUSALS.get();
  }

  private static boolean isRefusal(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      String message = cause.getMessage();
      if (message != null && (message.contains(REFUSED) || message.contains("EPERM"))) {
        return true;
      }
    }
    return false;
  }
}
