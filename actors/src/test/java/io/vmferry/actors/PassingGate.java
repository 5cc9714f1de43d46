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

/** A gate that leaves everything to another one; a test changes what it is about. */
abstract class PassingGate implements ArrivalGate {
  private final ArrivalGate host;

  PassingGate(ArrivalGate host) {
    this.host = host;
  }

  @Override
  public void reserve(
      String vmName,
      @Nullable GuestIdentity identity,
      String migrationId,
      ActorRef<Boolean> replyTo) {
    host.reserve(vmName, identity, migrationId, replyTo);
  }

  @Override
  public OwnershipLedger ledger() {
    return host.ledger();
  }

  @Override
  public KvmSystem hypervisor() throws IOException {
    return host.hypervisor();
  }

  @Override
  public void admit(
      VmSpec spec,
      Machine machine,
      String migrationId,
      MachineState state,
      ActorRef<Vm.SessionReply> session) {
    host.admit(spec, machine, migrationId, state, session);
  }
}
