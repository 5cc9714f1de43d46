package io.vmferry.actors.vm;

import io.vmferry.actors.boot.KernelLoader;
import io.vmferry.actors.guest.GuestImage;
import io.vmferry.actors.guest.IdleGuest;
import io.vmferry.actors.guest.StandardGuest;
import io.vmferry.kvm.memory.GuestMemory;
import java.io.IOException;
import java.io.UncheckedIOException;

/** Makes the image a specification names and puts it into guest memory. */
final class GuestImages {
  private GuestImages() {}

  /**
   * Loads the guest.
   *
   * @return the registers its vCPUs start with
   * @throws IllegalArgumentException with one sentence for the user if the figures or files do not
   *     fit
   * @throws UncheckedIOException with such a sentence in its cause if a file cannot be read
   */
  static GuestImage load(VmSpec spec, GuestMemory memory) {
    if (spec.guest() instanceof GuestSource.Kernel kernel) {
      return kernel(kernel, spec.cpus(), memory);
    }
    GuestImage image = image(spec);
    image.load(memory);
    if (spec.guest() instanceof GuestSource.Idle idle && idle.fill() != null) {
      idle.fill().fill(memory);
    }
    return image;
  }

  private static GuestImage kernel(GuestSource.Kernel guest, int vcpus, GuestMemory memory) {
    try {
      return KernelLoader.load(guest.kernel(), guest.initrd(), guest.cmdline(), vcpus, memory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static GuestImage image(VmSpec spec) {
    GuestSource guest = spec.guest();
    if (guest instanceof GuestSource.Standard standard) {
      return StandardGuest.image(
          new StandardGuest.Params(
              spec.cpus(),
              spec.memoryBytes(),
              standard.workingSetBytes(),
              standard.dirtyBytesPerSecond()));
    }
    return IdleGuest.image(spec.cpus(), spec.memoryBytes());
  }
}
