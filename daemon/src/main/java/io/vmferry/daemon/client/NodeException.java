package io.vmferry.daemon.client;

import io.vmferry.daemon.api.Problem;
import java.io.IOException;

/** The node refused a request or could not carry it out, and said why. */
public final class NodeException extends IOException {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final transient Problem problem;

  /**
   * @param status the HTTP status
   * @param problem the answer's body
   */
  public NodeException(int status, Problem problem) {
    super(problem.message());
    this.status = status;
    this.problem = problem;
  }

  /** The HTTP status. */
  public int status() {
    return status;
  }

  /** What the node said. */
  public Problem problem() {
    return problem;
  }
}
