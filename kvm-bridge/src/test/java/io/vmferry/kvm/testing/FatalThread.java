package io.vmferry.kvm.testing;

/** Threads of a program that a test runs in a JVM of its own: if one fails, the whole JVM ends. */
public final class FatalThread {
  private static final int FAILED = 3;

  private FatalThread() {}

  /** What such a thread does. */
  @FunctionalInterface
  public interface Body {
    /** May fail. */
    void run() throws Exception;
  }

  /** Starts a daemon thread. */
  public static Thread start(String name, Body body) {
    Thread thread =
        new Thread(
            () -> {
              try {
                body.run();
              } catch (Throwable e) {
                fail(name, e);
              }
            },
            name);
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  /** Says what failed, and ends the JVM. */
  public static void fail(String where, Throwable e) {
    System.out.println("failed in " + where + ": " + e);
    Runtime.getRuntime().halt(FAILED);
  }
}
