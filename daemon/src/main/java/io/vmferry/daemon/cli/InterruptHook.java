package io.vmferry.daemon.cli;

import java.util.concurrent.locks.LockSupport;

/** While registered, Ctrl-C (or a TERM signal) runs something before the command ends. */
final class CleanUpOnInterrupt implements AutoCloseable {
  private final Thread hook;

  private CleanUpOnInterrupt(Runnable cleanUp) {
    this.hook = new Thread(cleanUp, "clean-up");
  }

  static CleanUpOnInterrupt register(Runnable cleanUp) {
    CleanUpOnInterrupt registered = new CleanUpOnInterrupt(cleanUp);
    Runtime.getRuntime().addShutdownHook(registered.hook);
    return registered;
  }

  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM is going down, with the signal's exit status: nothing more is to be said here.
      while (true) {
        LockSupport.park();
      }
    }
  }
}
