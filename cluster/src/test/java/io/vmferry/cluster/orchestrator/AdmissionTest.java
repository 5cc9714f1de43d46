package io.vmferry.cluster.orchestrator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.cluster.node.GuestStatus;
import io.vmferry.cluster.node.Host;
import io.vmferry.cluster.node.NodeAgent;
import io.vmferry.cluster.node.NodeStatus;
import io.vmferry.kvm.memory.PageSize;
import java.util.List;
import org.apache.pekko.actor.testkit.typed.javadsl.TestInbox;
import org.junit.jupiter.api.Test;

class AdmissionTest {
  private static final Host ONE = new Host("one", "kvm", 2, 8L << 30, 2L << 30, 256L << 20, 0);
  private static final Host TWO = new Host("two", "kvm", 2, 8L << 30, 2L << 30, 256L << 20, 0);

  private MemoryMode mode = MemoryMode.PRECOPY;

  @Test
  void admitsARunningAndAPausedGuestThatFits() {
    for (LifeCycle state : List.of(LifeCycle.RUNNING, LifeCycle.PAUSED)) {
      Admission admission = decide("vm", "b", node("a", ONE, guest("vm", state)), node("b", TWO));

      Admission.Admitted admitted = assertInstanceOf(Admission.Admitted.class, admission);
      assertEquals("a", admitted.source().name());
      assertEquals("b", admitted.destination().name());
    }
  }

  @Test
  void refusesAGuestNobodyHas() {
    refused(
        FailureCode.NO_SUCH_VM,
        "No node has a VM named vm.",
        decide("vm", "b", node("a", ONE, running("other")), node("b", TWO)));
    refused(
        FailureCode.NO_SUCH_VM,
        "No node that answers has a VM named vm; b did not answer.",
        decide("vm", "a", node("a", ONE), silent(node("b", TWO))));
  }

  @Test
  void refusesANodeThatIsNotThere() {
    refused(
        FailureCode.INVALID_REQUEST,
        "There is no node named x; the cluster has a, b.",
        decide("vm", "x", node("a", ONE, running("vm")), node("b", TWO)));
  }

  @Test
  void refusesTheNodeTheGuestIsOn() {
    refused(
        FailureCode.INVALID_REQUEST,
        "VM vm is on node a already.",
        decide("vm", "a", node("a", ONE, running("vm")), node("b", TWO)));
  }

  @Test
  void refusesANameThatIsTakenThere() {
    refused(
        FailureCode.NAME_TAKEN,
        "Node b has another VM named vm.",
        decide(
            "vm",
            "b",
            node("a", ONE, running("vm")),
            node("b", TWO, guest("vm", LifeCycle.STOPPED))));
  }

  @Test
  void aGuestThatWasHandedOverDoesNotStandInItsOwnWayBack() {
    Admission admission =
        decide(
            "vm",
            "a",
            node("a", ONE, guest("vm", LifeCycle.HANDED_OVER)),
            node("b", TWO, running("vm")));

    assertInstanceOf(Admission.Admitted.class, admission);
  }

  @Test
  void refusesWhenItIsNotClearWhichGuestOrNodeIsMeant() {
    refused(
        FailureCode.INVALID_REQUEST,
        "Nodes a, c each have a VM named vm; it is not clear which is meant.",
        decide(
            "vm",
            "b",
            node("a", ONE, running("vm")),
            node("b", TWO),
            node("c", TWO, running("vm"))));
    refused(
        FailureCode.INVALID_REQUEST,
        "2 nodes are named b; give each its own name.",
        decide("vm", "b", node("a", ONE, running("vm")), node("b", TWO), node("b", TWO)));
  }

  @Test
  void refusesAGuestThatCannotMoveNow() {
    refused(
        FailureCode.WRONG_STATE,
        "VM vm is being migrated already.",
        decide("vm", "b", node("a", ONE, guest("vm", LifeCycle.MIGRATING)), node("b", TWO)));
    refused(
        FailureCode.WRONG_STATE,
        "VM vm on node a is handover unknown; only a running or paused guest can move.",
        decide("vm", "b", node("a", ONE, guest("vm", LifeCycle.HANDOVER_UNKNOWN)), node("b", TWO)));
    refused(
        FailureCode.WRONG_STATE,
        "VM vm on node a is created; only a running or paused guest can move.",
        decide("vm", "b", node("a", ONE, guest("vm", LifeCycle.CREATED)), node("b", TWO)));
  }

  @Test
  void refusesANodeThatDoesNotAnswer() {
    refused(
        FailureCode.PEER_UNREACHABLE,
        "Node b does not answer.",
        decide("vm", "b", node("a", ONE, running("vm")), silent(node("b", TWO))));
    refused(
        FailureCode.PEER_UNREACHABLE,
        "Node a does not answer.",
        decide("vm", "b", silent(node("a", ONE, running("vm"))), node("b", TWO)));
  }

  @Test
  void refusesMemoryThatDoesNotFitInTheRightPool() {
    refused(
        FailureCode.NOT_ENOUGH_MEMORY,
        "VM vm needs 3072 MiB of memory in 4K pages, and node b has 2048 MiB left.",
        decide(
            "vm",
            "b",
            node("a", ONE, guest("vm", LifeCycle.RUNNING, 3L << 30, PageSize.KIB_4)),
            node("b", TWO)));
    refused(
        FailureCode.NOT_ENOUGH_MEMORY,
        "VM vm needs 512 MiB of memory in 2M pages, and node b has 256 MiB left.",
        decide(
            "vm",
            "b",
            node("a", ONE, guest("vm", LifeCycle.RUNNING, 512L << 20, PageSize.MIB_2)),
            node("b", TWO)));
  }

  @Test
  void refusesAHostWithoutHypervisor() {
    Host bare = new Host("two", Host.NO_HYPERVISOR, 2, 8L << 30, 2L << 30, 0, 0);
    refused(
        FailureCode.NO_HYPERVISOR,
        "Node b cannot run guests.",
        decide("vm", "b", node("a", ONE, running("vm")), node("b", bare)));
  }

  @Test
  void localNeedsOneHostAndNoMemory() {
    mode = MemoryMode.LOCAL;
    refused(
        FailureCode.INVALID_REQUEST,
        "A local migration hands memory over within one host, and nodes a and b are on two;"
            + " use precopy or postcopy.",
        decide("vm", "b", node("a", ONE, running("vm")), node("b", TWO)));

    Admission admission =
        decide(
            "vm",
            "b",
            node("a", ONE, guest("vm", LifeCycle.RUNNING, 3L << 30, PageSize.KIB_4)),
            node("b", ONE));

    assertInstanceOf(Admission.Admitted.class, admission);
  }

  private Admission decide(String vm, String to, Admission.Answer... answers) {
    return Admission.decide(List.of(answers), vm, to, SendParams.of(mode));
  }

  private static void refused(FailureCode code, String reason, Admission admission) {
    assertEquals(new Admission.Refused(code, reason), admission);
  }

  private static Admission.Answer node(String name, Host host, GuestStatus... guests) {
    return new Admission.Answer(
        new NodeStatus(
            name,
            name + ":1",
            name + ":1#1",
            null,
            host,
            List.of(guests),
            1,
            TestInbox.<NodeAgent.Command>create().getRef()),
        true);
  }

  private static Admission.Answer silent(Admission.Answer answer) {
    return new Admission.Answer(answer.status(), false);
  }

  private static GuestStatus running(String name) {
    return guest(name, LifeCycle.RUNNING);
  }

  private static GuestStatus guest(String name, LifeCycle state) {
    return guest(name, state, 64L << 20, PageSize.KIB_4);
  }

  private static GuestStatus guest(String name, LifeCycle state, long bytes, PageSize pageSize) {
    return new GuestStatus(name, state, 2, bytes, pageSize, "kvm", null);
  }
}
