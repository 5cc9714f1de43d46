package io.vmferry.actors.migration;

import io.vmferry.actors.postcopy.FillReport;
import io.vmferry.actors.postcopy.Uffd;
import io.vmferry.actors.vm.VmSpec;
import org.jspecify.annotations.Nullable;

/**
 * What is known of the guest when it is handed over.
 *
 * @param digest of its memory, if all of that was there before
 * @param fill what postcopy brought, once it has brought all
 * @param sourceKnowsFill whether the source knows that no page is missing
 */
record ArrivedGuest(
    VmSpec spec, @Nullable String digest, @Nullable FillReport fill, boolean sourceKnowsFill) {
  /** A guest of which nothing is missing, or all that is. */
  ArrivedGuest(VmSpec spec, @Nullable String digest) {
    this(spec, digest, null, true);
  }

  ArrivedGuest filled(Uffd.Filled filled) {
    return new ArrivedGuest(spec, digest, filled.report(), filled.acknowledged());
  }
}
