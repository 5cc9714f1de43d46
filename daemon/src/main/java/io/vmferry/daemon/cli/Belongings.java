package io.vmferry.daemon.cli;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What a command has open and must not leave behind: closed at its end, the newest first, and also
 * when it is interrupted, at whatever moment. An interrupt that comes while something is opened
 * waits until it is open.
 */
final class Belongings implements AutoCloseable {
  private final InterruptHook hook;
  private final Deque<Closing> open = new ArrayDeque<>();
  private boolean closed;

  /** Makes something that has to be closed. */
  @FunctionalInterface
  interface Opening<T> {
    T open() throws IOException;
  }

  /** Closes it. */
  @FunctionalInterface
  interface Closing {
    void close() throws IOException;
  }

  /**
   * Belongings of a command.
   *
   * @param console told what could not be removed after an interrupt
   */
  Belongings(Console console) {
    hook =
        InterruptHook.register(
            "clean-up",
            () -> {
              try {
                closeAll();
              } catch (IOException e) {
                console.note("Something could not be removed: " + e.getMessage());
              }
            });
  }

  /**
   * Opens something.
   *
   * @param closing makes out of it how it is closed
   * @throws IOException as the opening does, or if the command was interrupted before
   */
  synchronized <T> T open(Opening<T> opening, Function<T, Closing> closing) throws IOException {
    if (closed) {
      throw new IOException("The command was interrupted.");
    }
    T opened = opening.open();
    open.push(closing.apply(opened));
    return opened;
  }

  private synchronized void closeAll() throws IOException {
    closed = true;
    @Nullable IOException failure = null;
    while (!open.isEmpty()) {
      try {
        open.pop().close();
      } catch (IOException e) {
        failure = e;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  /** Does not return if an interrupt has come: it closes them then. */
  @Override
  public void close() throws IOException {
    hook.close();
    closeAll();
  }
}
