/**
 * Snapshot sessions: a migration whose other end is a snapshot on disk instead of a host. Whoever
 * sends or receives the guest does not notice.
 */
@NullMarked
package io.vmferry.actors.snapshot;

import org.jspecify.annotations.NullMarked;
