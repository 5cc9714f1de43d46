package io.vmferry.cluster.node;

import org.apache.pekko.cluster.MemberStatus;

/** What the cluster thinks of a node. */
public enum Membership {
  JOINING,
  UP,
  LEAVING,
  /** This node's failure detector, or another's, cannot reach it; it may be well. */
  UNREACHABLE,
  DOWN;

  static Membership of(MemberStatus status, boolean reachable) {
    if (status.equals(MemberStatus.down()) || status.equals(MemberStatus.removed())) {
      return DOWN;
    }
    if (!reachable) {
      return UNREACHABLE;
    }
    if (status.equals(MemberStatus.up())) {
      return UP;
    }
    boolean joins = status.equals(MemberStatus.joining()) || status.equals(MemberStatus.weaklyUp());
    return joins ? JOINING : LEAVING;
  }
}
