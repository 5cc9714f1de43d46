package io.vmferry.actors.migration;

import io.vmferry.actors.postcopy.FillReport;
import io.vmferry.actors.vm.VmSpec;
import org.jspecify.annotations.Nullable;

/**
 * What is known of the guest when it is handed over.
 *
 * @param digest of its memory, if all of that was there before
 * @param fill what postcopy brought, once it has brought all
 */
record ArrivedGuest(VmSpec spec, @Nullable String digest, @Nullable FillReport fill) {
  ArrivedGuest filled(FillReport report) {
    return new ArrivedGuest(spec, digest, report);
  }
}
