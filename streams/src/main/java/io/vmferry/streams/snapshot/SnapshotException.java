package io.vmferry.streams.snapshot;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A snapshot that cannot be written or read; the message is one sentence for the user. */
public final class SnapshotException extends IOException {
  private static final long serialVersionUID = 1;

  /** For a reason that no other exception brought. */
  public SnapshotException(String message) {
    super(message);
  }

  /** For a reason that has a cause; the message does not repeat the cause's. */
  public SnapshotException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
