package io.vmferry.actors.machine;

import java.io.IOException;

/** The host cannot hold the guest. The message is one sentence for the user. */
public final class NotEnoughMemoryException extends IOException {
  private static final long serialVersionUID = 1L;

  NotEnoughMemoryException(String message) {
    super(message);
  }
}
