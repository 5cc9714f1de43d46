/** A chunk store served to other hosts. */
@NullMarked
package io.vmferry.daemon.store;

import org.jspecify.annotations.NullMarked;
