package io.vmferry.actors.migration;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.machine.MachineState;
import io.vmferry.actors.ownership.OwnershipLedger;
import io.vmferry.actors.vm.GuestIdentity;
import io.vmferry.actors.vm.Vm;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.KvmSystem;
import java.io.IOException;
import org.apache.pekko.actor.typed.ActorRef;
import org.jspecify.annotations.Nullable;

/**
 * What a destination session needs of the host it runs on: a name, the hypervisor, and a place for
 * the guest among the host's virtual machines.
 */
public interface ArrivalGate {

  /**
   * Asks for a name; the answer tells whether no other guest has it. Any thread.
   *
   * @param identity which guest wants it; null if its source does not say
   */
  void reserve(
      String vmName,
      @Nullable GuestIdentity identity,
      String migrationId,
      ActorRef<Boolean> replyTo);

  /** Where it is written down who has the guest. Any thread. */
  OwnershipLedger ledger();

  /**
   * The hypervisor. Any thread.
   *
   * @throws IOException with one sentence for the user if this host has none
   */
  KvmSystem hypervisor() throws IOException;

  /**
   * Makes the guest one of the host's virtual machines, paused; owns the machine from here on.
   *
   * @param session hears what {@link Vm#arrive} promises
   */
  void admit(
      VmSpec spec,
      Machine machine,
      String migrationId,
      MachineState state,
      ActorRef<Vm.SessionReply> session);
}
