package io.vmferry.actors.ownership;

import java.io.IOException;

/**
 * The records of one arrival, step by step. Blocking and thread-safe.
 *
 * <p>The one that counts is {@link #take}: before it the guest is the source's after a crash, and
 * from then on this host's.
 */
public final class Arrival {
  private final OwnershipLedger ledger;
  private final RecordStore<ArrivalRecord> files;
  private final ArrivalRecord open;
  private final String vmName;
  private boolean taken;
  private boolean discarded;
  private boolean closed;

  Arrival(
      OwnershipLedger ledger, RecordStore<ArrivalRecord> files, ArrivalRecord open, String vmName)
      throws IOException {
    this.ledger = ledger;
    this.files = files;
    this.open = open;
    this.vmName = vmName;
    // Now, while nobody waits: taking it is in the guest's pause.
    files.stage(open.id(), open.taken(true));
  }

  /**
   * Complete has come: the guest is this host's. Before it runs, and before the answer.
   *
   * @throws IOException if that cannot be written, or the arrival was discarded
   */
  public synchronized void take() throws IOException {
    if (discarded || closed) {
      throw new IOException("The migration has ended.");
    }
    files.commit(open.id());
    taken = true;
  }

  /** The guest has come, and may leave again. */
  public void settle() throws IOException {
    ledger.update(vmName, record -> record.arrivesBy(open.id()), r -> r.at(Place.HERE));
  }

  /** The guest is the source's; certain answers may be given from here on. */
  public synchronized void discard() throws IOException {
    discarded = true;
    if (taken && !closed) {
      files.put(open.id(), open);
    }
    ledger.remove(vmName, record -> record.arrivesBy(open.id()));
  }

  /** Nobody will ask any more. */
  public synchronized void close() throws IOException {
    closed = true;
    if (taken && !discarded) {
      settle();
    }
    files.remove(open.id());
  }
}
