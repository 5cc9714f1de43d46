package io.vmferry.cluster.testing;

import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.actors.vm.VmInfo;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.PageSize;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;

/** The guests of a {@link FakeVmHost}: names and states, no memory. Thread-safe. */
public final class FakeGuests {
  private final Map<String, VmInfo> guests = new ConcurrentSkipListMap<>();

  /** A guest that is in this state. */
  public void put(String name, LifeCycle lifeCycle, @Nullable String migrationId) {
    VmSpec spec = new VmSpec(name, 2, 64L << 20, PageSize.KIB_4, GuestSource.Idle.empty());
    guests.put(name, new VmInfo(spec, lifeCycle, "kvm", null, migrationId, null));
  }

  /** Where it is in its life, or null if there is none of that name. */
  public @Nullable LifeCycle lifeCycle(String name) {
    VmInfo guest = guests.get(name);
    return guest == null ? null : guest.lifeCycle();
  }

  void remove(String name) {
    guests.remove(name);
  }

  List<VmInfo> list() {
    return List.copyOf(guests.values());
  }
}
