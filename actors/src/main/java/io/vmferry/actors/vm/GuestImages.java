package io.vmferry.actors.vm;

import io.vmferry.actors.guest.GuestImage;
import io.vmferry.actors.guest.IdleGuest;
import io.vmferry.actors.guest.StandardGuest;
import io.vmferry.kvm.memory.GuestMemory;

/** Makes the image a specification names and puts it into guest memory. */
final class GuestImages {
  private GuestImages() {}

  /**
   * Loads the guest.
   *
   * @return the registers its vCPUs start with
   * @throws IllegalArgumentException with one sentence for the user if the figures do not fit
   */
  static GuestImage load(VmSpec spec, GuestMemory memory) {
    GuestImage image = image(spec);
    image.load(memory);
    return image;
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
