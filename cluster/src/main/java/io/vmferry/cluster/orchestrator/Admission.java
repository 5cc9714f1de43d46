package io.vmferry.cluster.orchestrator;

import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.cluster.node.GuestStatus;
import io.vmferry.cluster.node.Host;
import io.vmferry.cluster.node.NodeStatus;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Decides whether a guest may move, from what the nodes say they hold. Pure. */
sealed interface Admission {
  /** It may. */
  record Admitted(NodeStatus source, NodeStatus destination, GuestStatus guest)
      implements Admission {}

  /** It may not; the reason is one sentence for the user. */
  record Refused(FailureCode code, String reason) implements Admission {}

  /** What a node said, and whether it said so just now. */
  record Answer(NodeStatus status, boolean fresh) {}

  /**
   * Decides.
   *
   * @param answers one per member
   */
  static Admission decide(List<Answer> answers, String vm, String toNode, SendParams params) {
    List<Answer> holders = answers.stream().filter(a -> holds(a.status(), vm)).toList();
    if (holders.isEmpty()) {
      return new Refused(FailureCode.NO_SUCH_VM, noSuchVm(answers, vm));
    }
    List<Answer> targets = answers.stream().filter(a -> a.status().name().equals(toNode)).toList();
    if (targets.isEmpty()) {
      return refuse(
          FailureCode.INVALID_REQUEST,
          "There is no node named %s; the cluster has %s.",
          toNode,
          names(answers));
    }
    if (targets.size() > 1) {
      return refuse(
          FailureCode.INVALID_REQUEST,
          "%d nodes are named %s; give each its own name.",
          targets.size(),
          toNode);
    }
    Answer target = targets.get(0);
    List<Answer> elsewhere =
        holders.stream().filter(a -> !a.status().name().equals(toNode)).toList();
    if (elsewhere.isEmpty()) {
      return refuse(FailureCode.INVALID_REQUEST, "VM %s is on node %s already.", vm, toNode);
    }
    if (elsewhere.size() > 1) {
      return refuse(
          FailureCode.INVALID_REQUEST,
          "Nodes %s each have a VM named %s; it is not clear which is meant.",
          names(elsewhere),
          vm);
    }
    return between(elsewhere.get(0), target, vm, params);
  }

  private static Admission between(Answer from, Answer to, String vm, SendParams params) {
    NodeStatus source = from.status();
    NodeStatus destination = to.status();
    GuestStatus guest = source.guest(vm);
    if (guest == null) {
      throw new IllegalStateException("the source holds the guest");
    }
    if (guest.lifeCycle() == LifeCycle.MIGRATING) {
      return refuse(FailureCode.WRONG_STATE, "VM %s is being migrated already.", vm);
    }
    if (guest.lifeCycle() != LifeCycle.RUNNING && guest.lifeCycle() != LifeCycle.PAUSED) {
      return refuse(
          FailureCode.WRONG_STATE,
          "VM %s on node %s is %s; only a running or paused guest can move.",
          vm,
          source.name(),
          guest.lifeCycle().name().toLowerCase(Locale.ROOT).replace('_', ' '));
    }
    if (!from.fresh() || !to.fresh()) {
      return refuse(
          FailureCode.PEER_UNREACHABLE,
          "Node %s does not answer.",
          (from.fresh() ? destination : source).name());
    }
    if (holds(destination, vm)) {
      return refuse(
          FailureCode.NAME_TAKEN, "Node %s has another VM named %s.", destination.name(), vm);
    }
    return fits(source, destination, guest, params);
  }

  private static Admission fits(
      NodeStatus source, NodeStatus destination, GuestStatus guest, SendParams params) {
    Host host = destination.host();
    if (host.hypervisor().equals(Host.NO_HYPERVISOR)) {
      return refuse(FailureCode.NO_HYPERVISOR, "Node %s cannot run guests.", destination.name());
    }
    boolean oneHost = source.host().hostId().equals(host.hostId());
    if (params.mode() == MemoryMode.LOCAL) {
      return oneHost
          ? new Admitted(source, destination, guest)
          : refuse(
              FailureCode.INVALID_REQUEST,
              "A local migration hands memory over within one host, and nodes %s and %s are on two;"
                  + " use precopy or postcopy.",
              source.name(),
              destination.name());
    }
    long available = host.availableBytes(guest.pageSize());
    if (guest.memoryBytes() > available) {
      return refuse(
          FailureCode.NOT_ENOUGH_MEMORY,
          "VM %s needs %s of memory in %s pages, and node %s has %s left.",
          guest.name(),
          human(guest.memoryBytes()),
          guest.pageSize().label(),
          destination.name(),
          human(available));
    }
    return new Admitted(source, destination, guest);
  }

  /**
   * A guest that was handed over from there is not there, even if its session still ends; nor is
   * one that ended with an earlier run of the node.
   */
  private static boolean holds(NodeStatus node, String vm) {
    GuestStatus guest = node.guest(vm);
    return guest != null
        && guest.lifeCycle() != LifeCycle.HANDED_OVER
        && guest.lifeCycle() != LifeCycle.LOST;
  }

  private static String noSuchVm(List<Answer> answers, String vm) {
    List<Answer> silent = answers.stream().filter(a -> !a.fresh()).toList();
    return silent.isEmpty()
        ? "No node has a VM named " + vm + "."
        : "No node that answers has a VM named " + vm + "; " + names(silent) + " did not answer.";
  }

  private static String names(List<Answer> answers) {
    return answers.stream()
        .map(a -> a.status().name())
        .distinct()
        .sorted()
        .collect(Collectors.joining(", "));
  }

  private static String human(long bytes) {
    return bytes >= 10L << 30
        ? (bytes >> 30) + " GiB"
        : String.format(Locale.ROOT, "%.1f MiB", bytes / (double) (1 << 20)).replace(".0 ", " ");
  }

  private static Refused refuse(FailureCode code, String sentence, Object... values) {
    return new Refused(code, String.format(Locale.ROOT, sentence, values));
  }
}
