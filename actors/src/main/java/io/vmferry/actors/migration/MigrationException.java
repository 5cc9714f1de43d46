package io.vmferry.actors.migration;

import io.vmferry.actors.vm.FailureCode;
import java.io.IOException;

/** A step of a migration cannot be done, for a reason this side knows. */
final class MigrationException extends IOException {
  private static final long serialVersionUID = 1L;

  private final FailureCode code;

  /**
   * @param reason one sentence for the user
   */
  MigrationException(FailureCode code, String reason) {
    super(reason);
    this.code = code;
  }

  FailureCode code() {
    return code;
  }
}
