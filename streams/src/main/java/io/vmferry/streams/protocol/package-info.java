/**
 * The order of the protocol: which command is legal when, on either side, and which versions
 * understand each other. Pure values, no I/O. The diagrams are in docs/protocol.md.
 */
@NullMarked
package io.vmferry.streams.protocol;

import org.jspecify.annotations.NullMarked;
