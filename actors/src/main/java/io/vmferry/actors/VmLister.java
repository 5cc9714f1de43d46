package io.vmferry.actors;

import io.vmferry.actors.vm.Vm;
import io.vmferry.actors.vm.VmInfo;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** Asks every Vm to describe itself and answers with the list; leaves out those that are silent. */
final class VmLister {
  private static final Duration PATIENCE = Duration.ofSeconds(3);

  private VmLister() {}

  static Behavior<Vm.Reply> create(
      List<ActorRef<Vm.Command>> vms, HostRecords records, ActorRef<VmHost.Reply> replyTo) {
    return Behaviors.setup(
        context -> {
          if (vms.isEmpty()) {
            replyTo.tell(new VmHost.Listed(List.of()));
            return Behaviors.stopped();
          }
          context.setReceiveTimeout(PATIENCE, new Vm.Done());
          vms.forEach(vm -> vm.tell(new Vm.Describe(context.getSelf())));
          return collecting(vms.size(), new ArrayList<>(), records, replyTo);
        });
  }

  private static Behavior<Vm.Reply> collecting(
      int expected, List<VmInfo> vms, HostRecords records, ActorRef<VmHost.Reply> replyTo) {
    return Behaviors.receive(Vm.Reply.class)
        .onMessage(
            Vm.Described.class,
            m -> {
              vms.add(records.owned(m.info()));
              return vms.size() < expected ? Behaviors.same() : answer(vms, replyTo);
            })
        // Only the timeout says Done here.
        .onAnyMessage(m -> answer(vms, replyTo))
        .build();
  }

  private static Behavior<Vm.Reply> answer(List<VmInfo> vms, ActorRef<VmHost.Reply> replyTo) {
    vms.sort(Comparator.comparing(vm -> vm.spec().name()));
    replyTo.tell(new VmHost.Listed(vms));
    return Behaviors.stopped();
  }
}
