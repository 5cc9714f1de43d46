/** Looks at what this host can do for live migration, and knows the fix for what it cannot. */
@NullMarked
package io.vmferry.daemon.doctor;

import org.jspecify.annotations.NullMarked;
