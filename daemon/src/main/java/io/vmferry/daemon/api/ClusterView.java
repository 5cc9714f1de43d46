package io.vmferry.daemon.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Body of {@code GET /v1/cluster}.
 *
 * @param self the node that answers
 * @param orchestrator the node that runs the orchestrator, if known
 * @param nodes by name
 */
@JsonNaming(SnakeCaseStrategy.class)
public record ClusterView(String self, @Nullable String orchestrator, List<NodeView> nodes) {
  /** Copies the list. */
  public ClusterView {
    nodes = List.copyOf(nodes);
  }
}
