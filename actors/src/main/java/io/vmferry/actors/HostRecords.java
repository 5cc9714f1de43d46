package io.vmferry.actors;

import io.vmferry.actors.ownership.GuestRecord;
import io.vmferry.actors.ownership.OwnershipLedger;
import io.vmferry.actors.ownership.OwnershipNote;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.GuestIdentity;
import io.vmferry.actors.vm.Vm;
import io.vmferry.actors.vm.VmInfo;
import java.io.IOException;
import java.io.UncheckedIOException;

/** What a {@link VmHost} reads out of its ledger, and says when that cannot be written. */
record HostRecords(OwnershipLedger ledger) {

  /** What a virtual machine says of itself, with what is written down of it. Any thread. */
  VmInfo owned(VmInfo vm) {
    GuestRecord guest = ledger.find(vm.spec().name());
    return guest == null || vm.note() != null
        ? vm
        : vm.owned(guest.identity().generation(), OwnershipNote.ofThisRun(guest));
  }

  /**
   * Why a name cannot be had.
   *
   * @param remembered whether an earlier run's guest has it
   */
  String taken(String name, boolean remembered) {
    GuestRecord guest = ledger.find(name);
    return guest == null || !remembered
        ? "This node already has a VM named " + name + "."
        : "This node has a record of VM " + name + ". " + OwnershipNote.ofLastRun(guest);
  }

  /** Whether it is the guest that is written down, handed over since. */
  boolean isSucceededBy(String name, GuestIdentity identity) {
    GuestRecord guest = ledger.find(name);
    return guest != null && identity.succeeds(guest.identity());
  }

  /** Blocking. */
  void forget(String name) {
    try {
      ledger.remove(name);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Blocking. */
  void takeOver(String name) {
    try {
      ledger.takeOver(name);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Vm.Rejected notTakenOver(Throwable cause) {
    return new Vm.Rejected(
        FailureCode.INTERNAL,
        "The VM is here again, but that cannot be written down: " + cause.getMessage());
  }

  static IOException unwritable(String name, IOException cause) {
    return new IOException(
        "The node's record of VM "
            + name
            + " cannot be written; look at the disk that its --data directory is on.",
        cause);
  }

  static Vm.Rejected unwritable(Throwable cause) {
    return new Vm.Rejected(
        FailureCode.INTERNAL,
        "The VM is deleted, but its record on disk cannot be removed: " + cause.getMessage());
  }
}
