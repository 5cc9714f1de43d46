package io.vmferry.actors.ownership;

import io.vmferry.actors.vm.GuestIdentity;
import java.io.IOException;
import java.util.Objects;

/** The record of a guest that is being handed over, step by step. Blocking and thread-safe. */
public final class Departure {
  private final OwnershipLedger ledger;
  private final String name;

  Departure(OwnershipLedger ledger, String name) {
    this.ledger = ledger;
    this.name = name;
  }

  /** What the guest is for its next owner. */
  public GuestIdentity next() {
    return record().identity().next();
  }

  private GuestRecord record() {
    return Objects.requireNonNull(ledger.find(name), "a guest without a record");
  }

  /** Makes {@link #handingOver} cheap, which is in the guest's pause. */
  public void prepare(Handover handover) throws IOException {
    ledger.stage(record().handingOver(handover));
  }

  /**
   * Complete is about to be sent: from here on nobody here knows where the guest is.
   *
   * @param handover what was prepared
   */
  public void handingOver(Handover handover) throws IOException {
    ledger.commit(record().handingOver(handover));
  }

  /** The destination has it. */
  public void handedOver(String migrationId) throws IOException {
    ledger.update(name, r -> r.leavesBy(migrationId), r -> r.at(Place.HANDED_OVER));
  }

  /** The destination had it, and it ended there with that host's daemon. */
  public void endedThere(String migrationId) throws IOException {
    ledger.update(name, r -> r.leavesBy(migrationId), r -> r.at(Place.ENDED_THERE));
  }

  /** The destination certainly does not take it: it stays here. */
  public void kept(String migrationId) throws IOException {
    ledger.update(
        name, r -> r.leavesBy(migrationId), r -> GuestRecord.here(r.spec(), r.identity()));
  }
}
