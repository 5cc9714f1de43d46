package io.vmferry.actors.vm;

import java.util.Objects;
import java.util.UUID;

/**
 * Which guest it is, whatever its name, and how often it has changed hands: of two hosts that claim
 * it, the one with the higher generation has it.
 *
 * @param guest made with the guest, and stays with it
 * @param generation 1 where it was made; more by one at each handover
 */
public record GuestIdentity(UUID guest, long generation) {

  /**
   * Checks the generation.
   *
   * @throws IllegalArgumentException if it is not positive
   */
  public GuestIdentity {
    Objects.requireNonNull(guest);
    if (generation < 1) {
      throw new IllegalArgumentException("An ownership generation is 1 or more");
    }
  }

  /** Of a guest that is made now. */
  public static GuestIdentity create() {
    return new GuestIdentity(UUID.randomUUID(), 1);
  }

  /** What it is for its next owner. */
  public GuestIdentity next() {
    return new GuestIdentity(guest, generation + 1);
  }

  /** Whether this one has changed hands since the other was written down, by the same guest. */
  public boolean succeeds(GuestIdentity other) {
    return guest.equals(other.guest) && generation > other.generation;
  }
}
