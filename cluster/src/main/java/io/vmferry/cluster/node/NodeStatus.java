package io.vmferry.cluster.node;

import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.cluster.CborSerializable;
import java.util.List;
import org.apache.pekko.actor.typed.ActorRef;
import org.jspecify.annotations.Nullable;

/**
 * What a node says of itself.
 *
 * @param name its name
 * @param address host:port of its cluster address
 * @param incarnation its cluster address and the uid of this run of it; the key in the replicated
 *     map
 * @param httpUrl where its management routes listen, or null while they do not
 * @param host what its host is and has
 * @param guests by name
 * @param sequence the number of the look at the host that it is of: an old one is told from a new
 *     one by it without trusting two hosts' clocks
 * @param agent its agent
 */
public record NodeStatus(
    String name,
    String address,
    String incarnation,
    @Nullable String httpUrl,
    Host host,
    List<GuestStatus> guests,
    long sequence,
    ActorRef<NodeAgent.Command> agent)
    implements CborSerializable {
  /** Copies the list. */
  public NodeStatus {
    guests = List.copyOf(guests);
  }

  /** Guests that a migration session owns, as source or as destination. */
  public int migrationsRunning() {
    return (int) guests.stream().filter(g -> g.lifeCycle() == LifeCycle.MIGRATING).count();
  }

  /** The guest of that name, or null. */
  public @Nullable GuestStatus guest(String vm) {
    return guests.stream().filter(g -> g.name().equals(vm)).findFirst().orElse(null);
  }

  /**
   * Whether the two say the same but for their number. Free memory changes all the time: it counts
   * as the same up to a hundredth of the host's.
   */
  boolean saysTheSameAs(NodeStatus other) {
    return withoutDrift(this).equals(withoutDrift(other))
        && near(host.memoryAvailableBytes(), other.host.memoryAvailableBytes());
  }

  private boolean near(long bytes, long otherBytes) {
    return Math.abs(bytes - otherBytes) <= host.memoryBytes() / 100;
  }

  private static NodeStatus withoutDrift(NodeStatus s) {
    Host h = s.host;
    Host still =
        new Host(
            h.hostId(),
            h.hypervisor(),
            h.cpus(),
            h.memoryBytes(),
            0,
            h.hugepages2MAvailableBytes(),
            h.hugepages1GAvailableBytes());
    return new NodeStatus(s.name, s.address, s.incarnation, s.httpUrl, still, s.guests, 0, s.agent);
  }
}
