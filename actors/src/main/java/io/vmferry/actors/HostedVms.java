package io.vmferry.actors;

import io.vmferry.actors.migration.MigrationIds;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.Vm;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.jspecify.annotations.Nullable;

/**
 * The virtual machines of a host by their names, the names that are taken by guests on their way
 * here, and how a virtual machine is asked. Belongs to the actor of {@link VmHost}.
 */
final class HostedVms {
  // Every question to a Vm is answered within a pause; longer means a vCPU that cannot leave the
  // guest, such as one that waits for a page from a lost source.
  private static final Duration ASK_TIMEOUT = Duration.ofSeconds(30);
  private static final Vm.Reply SILENT =
      new Vm.Rejected(
          FailureCode.INTERNAL,
          "The VM did not answer within 30 s; one of its vCPUs may wait for memory.");

  private final ActorContext<VmHost.Command> context;
  private final Map<String, ActorRef<Vm.Command>> vms = new TreeMap<>();
  // Who has taken the name: a guest under construction, or a migration.
  private final Map<String, String> reserved = new HashMap<>();
  // Of guests of an earlier run.
  private final Set<ActorRef<Vm.Command>> remembered = new HashSet<>();

  HostedVms(ActorContext<VmHost.Command> context) {
    this.context = context;
  }

  // By name.

  /** All of them, by name. */
  List<ActorRef<Vm.Command>> all() {
    return List.copyOf(vms.values());
  }

  @Nullable ActorRef<Vm.Command> find(String name) {
    return vms.get(name);
  }

  /** Whether a guest has the name, or will have it. */
  boolean isTaken(String name) {
    return vms.containsKey(name) || reserved.containsKey(name);
  }

  /** Whether the name is that of a guest of an earlier run, of which only a record is here. */
  boolean isRemembered(String name) {
    return remembered.contains(vms.get(name));
  }

  /** Takes a name for whom it says. */
  void reserve(String name, String by) {
    reserved.put(name, by);
  }

  /** Gives a name back. */
  void release(String name) {
    reserved.remove(name);
  }

  /** Gives every name back that somebody took. */
  void releaseAllOf(String by) {
    reserved.values().removeIf(by::equals);
  }

  /** Starts a virtual machine under a name; the host hears {@link VmHost.VmGone} at its end. */
  ActorRef<Vm.Command> adopt(String name, Behavior<Vm.Command> behavior) {
    ActorRef<Vm.Command> vm = context.spawn(behavior, "vm-" + name + "-" + MigrationIds.next());
    vms.put(name, vm);
    context.watchWith(vm, new VmHost.VmGone(name, vm));
    return vm;
  }

  /** The same for a guest of an earlier run. */
  void adoptRemembered(String name, Behavior<Vm.Command> behavior) {
    remembered.add(adopt(name, behavior));
  }

  /** Forgets a virtual machine; false if the name is no longer its. */
  boolean remove(String name, ActorRef<Vm.Command> vm) {
    remembered.remove(vm);
    return vms.remove(name, vm);
  }

  // Asking.

  /** Asks one by its name, for a reply that the caller hears as it is. */
  void ask(
      String name,
      Function<ActorRef<Vm.Reply>, Vm.Command> question,
      ActorRef<VmHost.Reply> replyTo) {
    ask(name, question, replyTo, (vm, reply) -> new VmHost.Answered(reply, replyTo));
  }

  /**
   * Asks one by its name.
   *
   * @param heard what the host is told then
   */
  void ask(
      String name,
      Function<ActorRef<Vm.Reply>, Vm.Command> question,
      ActorRef<VmHost.Reply> replyTo,
      BiFunction<ActorRef<Vm.Command>, Vm.Reply, VmHost.Command> heard) {
    ask(name, question, SILENT, replyTo, heard);
  }

  /**
   * Asks one by its name; without one the caller hears {@link VmHost.Rejected}.
   *
   * @param silent what is taken for its reply where none comes
   * @param heard what the host is told then
   */
  void ask(
      String name,
      Function<ActorRef<Vm.Reply>, Vm.Command> question,
      Vm.Reply silent,
      ActorRef<VmHost.Reply> replyTo,
      BiFunction<ActorRef<Vm.Command>, Vm.Reply, VmHost.Command> heard) {
    ActorRef<Vm.Command> vm = vms.get(name);
    if (vm == null) {
      replyTo.tell(absent(name));
    } else {
      ask(vm, question, silent, reply -> heard.apply(vm, reply));
    }
  }

  /** What is answered of a name that no virtual machine has. */
  static VmHost.Rejected absent(String name) {
    return new VmHost.Rejected(FailureCode.NO_SUCH_VM, "This node has no VM named " + name + ".");
  }

  /**
   * Asks one.
   *
   * @param heard what the host is told then
   */
  void ask(
      ActorRef<Vm.Command> vm,
      Function<ActorRef<Vm.Reply>, Vm.Command> question,
      Function<Vm.Reply, VmHost.Command> heard) {
    ask(vm, question, SILENT, heard);
  }

  /** Has one describe itself to the caller. */
  void describe(ActorRef<Vm.Command> vm, ActorRef<VmHost.Reply> replyTo) {
    ask(vm, Vm.Describe::new, reply -> new VmHost.Answered(reply, replyTo));
  }

  private void ask(
      ActorRef<Vm.Command> vm,
      Function<ActorRef<Vm.Reply>, Vm.Command> question,
      Vm.Reply silent,
      Function<Vm.Reply, VmHost.Command> heard) {
    context.ask(
        Vm.Reply.class,
        vm,
        ASK_TIMEOUT,
        question::apply,
        (reply, failure) -> heard.apply(reply == null ? silent : reply));
  }
}
