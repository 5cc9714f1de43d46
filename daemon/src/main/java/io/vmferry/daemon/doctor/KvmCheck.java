package io.vmferry.daemon.doctor;

import io.vmferry.kvm.KvmCap;
import io.vmferry.kvm.KvmSystem;
import io.vmferry.kvm.KvmUnavailableException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Whether this host's KVM can run a guest and give out all state that a migration moves. */
final class KvmCheck {
  private static final Map<String, Integer> NEEDED = needed();

  private KvmCheck() {}

  static List<Finding> run() {
    List<Finding> findings = new ArrayList<>();
    try (KvmSystem kvm = KvmSystem.open()) {
      findings.add(Finding.ok("kvm", "/dev/kvm, API version " + kvm.apiVersion()));
      List<String> missing = new ArrayList<>();
      for (Map.Entry<String, Integer> capability : NEEDED.entrySet()) {
        if (kvm.extension(capability.getValue()) <= 0) {
          missing.add(capability.getKey());
        }
      }
      findings.add(capabilities(missing));
      findings.add(
          Finding.ok("kvm vCPUs", "up to " + kvm.extension(KvmCap.MAX_VCPUS) + " a guest"));
    } catch (KvmUnavailableException e) {
      // Its message has the cause and, after the colon, the fix.
      findings.add(unavailable(String.valueOf(e.getMessage())));
    } catch (IOException e) {
      findings.add(
          Finding.fail("kvm", String.valueOf(e.getMessage()), "Look at the kernel's log (dmesg)"));
    }
    return findings;
  }

  static Finding unavailable(String message) {
    int colon = message.indexOf(": ");
    String found = colon < 0 ? message : message.substring(0, colon);
    String fix =
        colon < 0 ? "Run on a kernel with KVM of API version 12" : message.substring(colon + 2);
    return Finding.fail("kvm", found, Character.toUpperCase(fix.charAt(0)) + fix.substring(1));
  }

  static Finding capabilities(List<String> missing) {
    return missing.isEmpty()
        ? Finding.ok("kvm capabilities", "all " + NEEDED.size() + " that vmferry needs")
        : Finding.fail(
            "kvm capabilities", "missing: " + String.join(" ", missing), "Run Linux 5.4 or newer");
  }

  private static Map<String, Integer> needed() {
    Map<String, Integer> needed = new LinkedHashMap<>();
    needed.put("irqchip", KvmCap.IRQCHIP);
    needed.put("user_memory", KvmCap.USER_MEMORY);
    needed.put("set_tss_addr", KvmCap.SET_TSS_ADDR);
    needed.put("mp_state", KvmCap.MP_STATE);
    needed.put("sync_mmu", KvmCap.SYNC_MMU);
    needed.put("pit2", KvmCap.PIT2);
    needed.put("pit_state2", KvmCap.PIT_STATE2);
    needed.put("adjust_clock", KvmCap.ADJUST_CLOCK);
    needed.put("vcpu_events", KvmCap.VCPU_EVENTS);
    needed.put("debugregs", KvmCap.DEBUGREGS);
    needed.put("get_tsc_khz", KvmCap.GET_TSC_KHZ);
    needed.put("immediate_exit", KvmCap.IMMEDIATE_EXIT);
    needed.put("manual_dirty_log_protect2", KvmCap.MANUAL_DIRTY_LOG_PROTECT2);
    return needed;
  }
}
