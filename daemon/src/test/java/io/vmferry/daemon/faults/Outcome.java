package io.vmferry.daemon.faults;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What became of a scenario.
 *
 * @param reached whether the message came, so that the fault struck
 * @param damageTold whether memory was damaged on the way and the digests say so
 * @param detectionMillis from the fault until a side said that it recovers, or that the migration
 *     had failed; null if none did
 * @param recoveryMillis from the fault until both sides had ended and the guest was seen working;
 *     null if it waits, is lost or was damaged
 * @param faults what should not be: empty if the scenario went well
 */
record Outcome(
    Scenario scenario,
    Verdict verdict,
    boolean reached,
    boolean damageTold,
    long mismatches,
    @Nullable Long detectionMillis,
    @Nullable Long recoveryMillis,
    String leak,
    List<String> faults) {
  boolean isGood() {
    return faults.isEmpty();
  }

  @Override
  public String toString() {
    return scenario
        + " -> "
        + (reached ? "" : "(not reached) ")
        + verdict
        + (damageTold ? ", damage told by the digests" : "")
        + (detectionMillis == null ? "" : ", detected after " + detectionMillis + " ms")
        + (recoveryMillis == null ? "" : ", works after " + recoveryMillis + " ms")
        + (isGood() ? "" : " WRONG: " + String.join("; ", faults));
  }
}
