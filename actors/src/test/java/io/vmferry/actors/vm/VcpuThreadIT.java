package io.vmferry.actors.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import io.vmferry.actors.machine.Machine;
import io.vmferry.kvm.KvmSystem;
import io.vmferry.kvm.VcpuState;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What a vCPU's thread says when it cannot even begin. */
@RequiresKvm
class VcpuThreadIT {
  private static final long BYTES = 16L << 20;

  /**
   * A class that cannot be loaded, as without descriptors: whoever waits for the vCPU must hear.
   */
  @Test
  void anErrorOfTheProgramIsAFailureOfTheVcpu() throws Exception {
    Told told = new Told();
    try (KvmSystem system = KvmSystem.open();
        Machine machine =
            Machine.create(
                system,
                "test",
                GuestMemory.allocate(BYTES, PageSize.KIB_4),
                system.supportedCpuid())) {
      VcpuStart broken =
          new VcpuStart.Boot(
              (vcpu, index) -> {
                throw new NoClassDefFoundError("io/vmferry/Gone");
              });

      new VcpuThread(3, machine, broken, new VcpuThrottle("test"), told).start();

      assertEquals("failed: the thread of vCPU 3 broke; see the log", told.next());
      assertEquals("ended", told.next());
    }
  }

  /** Notes what it is told. */
  private static final class Told implements VcpuListener {
    private final BlockingQueue<String> words = new LinkedBlockingQueue<>();

    String next() throws InterruptedException {
      String word = words.poll(10, TimeUnit.SECONDS);
      assertNotNull(word, "nothing was said");
      return word;
    }

    @Override
    public void ready() {
      words.add("ready");
    }

    @Override
    public void running() {
      words.add("running");
    }

    @Override
    public void paused() {
      words.add("paused");
    }

    @Override
    public void saved(VcpuState state) {
      words.add("saved");
    }

    @Override
    public void stopped(String why) {
      words.add("stopped: " + why);
    }

    @Override
    public void failed(Exception cause) {
      words.add("failed: " + cause.getMessage());
    }

    @Override
    public void ended() {
      words.add("ended");
    }
  }
}
