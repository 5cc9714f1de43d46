package io.vmferry.daemon.api;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import org.jspecify.annotations.Nullable;

/**
 * One migration: the body of {@code GET /v1/migrations/{id}} and the data of a {@code result}
 * event.
 *
 * @param id names it in other requests
 * @param vm the VM; absent on a destination that has not heard of it yet
 * @param state {@code queued}, {@code running}, {@code completed}, {@code failed} or {@code
 *     cancelled}
 * @param from the source node, if known
 * @param to the destination node, if known
 * @param url what a destination listens at
 * @param progress how far it is
 * @param summary the figures, once completed
 * @param problem what went wrong, once failed or cancelled
 */
@JsonNaming(SnakeCaseStrategy.class)
public record MigrationView(
    String id,
    @Nullable String vm,
    String state,
    @Nullable String from,
    @Nullable String to,
    @Nullable String url,
    @Nullable ProgressView progress,
    @Nullable SummaryView summary,
    @Nullable Problem problem) {
  /** Before it starts. */
  public static final String QUEUED = "queued";

  /** Under way. */
  public static final String RUNNING = "running";

  /** The guest is on the destination. */
  public static final String COMPLETED = "completed";

  /** It ended without success; the problem says where the guest is. */
  public static final String FAILED = "failed";

  /** It was cancelled; the guest is on the source. */
  public static final String CANCELLED = "cancelled";

  /** Whether nothing more will happen. */
  @JsonIgnore
  public boolean isFinal() {
    return state.equals(COMPLETED) || state.equals(FAILED) || state.equals(CANCELLED);
  }
}
