/**
 * The bytes of the migration protocol: frames, tags, range tables and the limits on what a peer may
 * claim. Pure encoding and decoding; no I/O, no logging. The byte tables are in docs/protocol.md.
 */
@NullMarked
package io.vmferry.streams.wire;

import org.jspecify.annotations.NullMarked;
