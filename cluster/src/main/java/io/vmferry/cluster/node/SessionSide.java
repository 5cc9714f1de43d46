package io.vmferry.cluster.node;

/** Which end of a migration a session is. */
public enum SessionSide {
  SOURCE,
  DESTINATION
}
