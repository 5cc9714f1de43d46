package io.vmferry.cluster.node;

import java.time.Duration;

/**
 * A node as another one sees it.
 *
 * @param status the last it said of itself
 * @param membership what the cluster thinks of it
 * @param age how long ago that status arrived here
 * @param stale whether that is longer than a live node lets pass
 */
public record NodeView(NodeStatus status, Membership membership, Duration age, boolean stale) {
  /** The node's name. */
  public String name() {
    return status.name();
  }

  /** Whether it can be asked now. */
  public boolean isReachable() {
    return membership == Membership.UP || membership == Membership.LEAVING;
  }
}
