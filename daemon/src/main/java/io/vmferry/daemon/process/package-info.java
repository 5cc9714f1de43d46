/** Node daemons as child processes of this one. */
@NullMarked
package io.vmferry.daemon.process;

import org.jspecify.annotations.NullMarked;
