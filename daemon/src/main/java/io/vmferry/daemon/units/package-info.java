/** Sizes, rates and durations as people write them, and back to text. */
@NullMarked
package io.vmferry.daemon.units;

import org.jspecify.annotations.NullMarked;
