/** Postcopy: the destination's userfaultfd side and the source's fault server. */
@NullMarked
package io.vmferry.actors.postcopy;

import org.jspecify.annotations.NullMarked;
