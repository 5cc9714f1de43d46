/**
 * The chunk store: snapshots whose memory is cut into chunks that are named by their contents, so
 * that what two snapshots have in common is kept once; compressed, and encrypted if there is a key.
 */
@NullMarked
package io.vmferry.streams.snapshot.store;

import org.jspecify.annotations.NullMarked;
