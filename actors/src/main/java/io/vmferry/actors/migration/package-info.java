/**
 * Migration sessions: the source's and the destination's state machines, their options, progress
 * and results.
 */
@NullMarked
package io.vmferry.actors.migration;

import org.jspecify.annotations.NullMarked;
