/** Real guests between node processes: every mode, every way to fail. */
@NullMarked
package io.vmferry.daemon.e2e;

import org.jspecify.annotations.NullMarked;
