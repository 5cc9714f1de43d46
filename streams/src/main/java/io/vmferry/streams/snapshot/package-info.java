/**
 * Snapshots on disk: what a guest's configuration, state and memory look like as files, written
 * whole or not at all, and read back.
 */
@NullMarked
package io.vmferry.streams.snapshot;

import org.jspecify.annotations.NullMarked;
