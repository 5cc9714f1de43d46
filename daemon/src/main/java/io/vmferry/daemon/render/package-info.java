/** Text for people: progress lines, tables and the summary of a migration. */
@NullMarked
package io.vmferry.daemon.render;

import org.jspecify.annotations.NullMarked;
