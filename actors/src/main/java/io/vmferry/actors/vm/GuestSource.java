package io.vmferry.actors.vm;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;

/** What a new virtual machine boots. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
@JsonSubTypes({
  @JsonSubTypes.Type(value = GuestSource.Standard.class, name = "standard"),
  @JsonSubTypes.Type(value = GuestSource.Idle.class, name = "idle")
})
public sealed interface GuestSource {

  /**
   * The self-verifying memory workload.
   *
   * @param workingSetBytes memory it rewrites again and again, a multiple of 4 KiB
   * @param dirtyBytesPerSecond how fast it dirties memory over all vCPUs; 0 is as fast as it can
   */
  record Standard(long workingSetBytes, long dirtyBytesPerSecond) implements GuestSource {}

  /** A guest that halts and wakes for a slow timer. */
  record Idle() implements GuestSource {}
}
