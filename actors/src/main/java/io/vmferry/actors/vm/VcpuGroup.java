package io.vmferry.actors.vm;

import io.vmferry.kvm.VcpuState;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.TreeMap;
import org.apache.pekko.actor.typed.ActorRef;

/**
 * The vCPUs of one Vm, told all at once; counts who has answered.
 *
 * <p>One question is open at a time: every {@code tell} forgets the answers to the one before. A
 * vCPU whose thread has ended answers nothing any more and is not waited for.
 */
final class VcpuGroup {
  private final List<ActorRef<Vcpu.Command>> members = new ArrayList<>();
  private final BitSet answered = new BitSet();
  private final BitSet gone = new BitSet();
  private final TreeMap<Integer, VcpuState> states = new TreeMap<>();

  /** Adds a vCPU; its first answer is that it is ready. */
  void add(ActorRef<Vcpu.Command> vcpu) {
    members.add(vcpu);
  }

  boolean isEmpty() {
    return members.isEmpty();
  }

  /** Tells every vCPU and waits for all of them anew. */
  void tell(Vcpu.Command command) {
    answered.clear();
    answered.or(gone);
    states.clear();
    members.forEach(member -> member.tell(command));
  }

  /** Notes that a vCPU's thread has ended, asked or not; true if no answer is missing any more. */
  boolean ended(int index) {
    gone.set(index);
    return answered(index);
  }

  /** Whether nobody is left who could end. */
  boolean haveEnded() {
    return gone.cardinality() == members.size();
  }

  /** Notes an answer; true if it was the last one missing. */
  boolean answered(int index) {
    answered.set(index);
    return answered.cardinality() == members.size();
  }

  /** Notes a saved state; true if it was the last one missing. */
  boolean saved(int index, VcpuState state) {
    states.put(index, state);
    return answered(index);
  }

  /** The states saved since the last question, by vCPU index. */
  List<VcpuState> states() {
    return List.copyOf(states.values());
  }

  /** Forgets the vCPUs; their threads have ended. */
  void clear() {
    members.clear();
    answered.clear();
    gone.clear();
    states.clear();
  }
}
