package io.vmferry.daemon.http;

import io.vmferry.daemon.api.Problem;

/** A request that was refused or failed: what the caller is told, and with which HTTP status. */
public final class ProblemException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final transient Problem problem;

  /**
   * @param status 4xx if the caller must ask otherwise, 5xx if not
   * @param problem the body
   */
  public ProblemException(int status, Problem problem) {
    super(problem.message());
    this.status = status;
    this.problem = problem;
  }

  /** The HTTP status. */
  public int status() {
    return status;
  }

  /** The body. */
  public Problem problem() {
    return problem;
  }
}
