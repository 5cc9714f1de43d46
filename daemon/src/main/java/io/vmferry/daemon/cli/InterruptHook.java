package io.vmferry.daemon.cli;

import java.util.concurrent.locks.LockSupport;

/**
 * While registered, Ctrl-C (or a TERM signal) runs something before the command ends. The exit
 * status is then the signal's, 130 or 143, and the last word is the hook's.
 */
final class InterruptHook implements AutoCloseable {
  private final Thread hook;
  private volatile boolean interrupted;

  private InterruptHook(String name, Runnable work) {
    this.hook =
        new Thread(
            () -> {
              interrupted = true;
              work.run();
            },
            name);
  }

  static InterruptHook register(String name, Runnable work) {
    InterruptHook registered = new InterruptHook(name, work);
    Runtime.getRuntime().addShutdownHook(registered.hook);
    return registered;
  }

  /** Leaves the last word to the hook if the JVM is going down; does not return then. */
  void yieldIfInterrupted() {
    while (interrupted) {
      LockSupport.park();
    }
  }

  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM is going down: the hook runs, and its exit status stands.
      interrupted = true;
      yieldIfInterrupted();
    }
  }
}
