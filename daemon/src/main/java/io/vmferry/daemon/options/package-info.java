/** The option syntax of ch-remote: comma-separated name=value lists for migrations. */
@NullMarked
package io.vmferry.daemon.options;

import org.jspecify.annotations.NullMarked;
