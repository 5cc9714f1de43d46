package io.vmferry.actors.migration;

import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;

/** Runs blocking steps inside futures, whose functions may not throw checked exceptions. */
final class Steps {
  private Steps() {}

  /** A step without a result. */
  @FunctionalInterface
  interface Step {
    void run() throws Exception;
  }

  /** The step's result; its exception comes wrapped, see {@link Failures#root}. */
  static <T> T call(Callable<T> step) {
    try {
      return step.call();
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new CompletionException(e);
    }
  }

  /** Like {@link #call}, without a result. */
  static void run(Step step) {
    try {
      step.run();
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new CompletionException(e);
    }
  }
}
