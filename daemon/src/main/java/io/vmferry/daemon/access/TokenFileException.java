package io.vmferry.daemon.access;

import java.io.IOException;
import java.nio.file.Path;

/** A token file cannot be used; the message is one sentence for the user without its full stop. */
public final class TokenFileException extends IOException {
  private static final long serialVersionUID = 1L;

  TokenFileException(Path file, String fault) {
    super("Token file " + file + " " + fault);
  }

  TokenFileException(Path file, String fault, IOException cause) {
    super("Token file " + file + " " + fault, cause);
  }
}
