package io.vmferry.actors;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.machine.MachineState;
import io.vmferry.actors.migration.ArrivalGate;
import io.vmferry.actors.ownership.OwnershipLedger;
import io.vmferry.actors.vm.GuestIdentity;
import io.vmferry.actors.vm.Vm;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.KvmSystem;
import java.io.IOException;
import org.apache.pekko.actor.typed.ActorRef;
import org.jspecify.annotations.Nullable;

/** What a receiving session may do on this host; called on its threads, so it only tells. */
record HostGate(ActorRef<VmHost.Command> host, KvmAccess kvm, OwnershipLedger ledger)
    implements ArrivalGate {
  @Override
  public void reserve(
      String vmName,
      @Nullable GuestIdentity identity,
      String migrationId,
      ActorRef<Boolean> replyTo) {
    host.tell(new VmHost.Reserve(vmName, identity, migrationId, replyTo));
  }

  @Override
  public KvmSystem hypervisor() throws IOException {
    return kvm.get();
  }

  @Override
  public void admit(
      VmSpec spec,
      Machine machine,
      String migrationId,
      MachineState state,
      ActorRef<Vm.SessionReply> session) {
    host.tell(new VmHost.Admit(spec, machine, migrationId, state, session));
  }
}
