/** What several tests of this module share. */
@NullMarked
package io.vmferry.daemon.testing;

import org.jspecify.annotations.NullMarked;
