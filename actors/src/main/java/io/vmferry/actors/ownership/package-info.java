/**
 * Who owns a guest, on disk: what a host's daemon must know again after a crash. A record is
 * written before the step that it protects.
 */
@NullMarked
package io.vmferry.actors.ownership;

import org.jspecify.annotations.NullMarked;
