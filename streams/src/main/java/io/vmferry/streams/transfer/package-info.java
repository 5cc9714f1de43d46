/**
 * Pages on the move: precopy rounds out and in as Pekko Streams over stages that own their socket,
 * the commands of the main connection, and both ends of the fault connection. Bytes go straight
 * between guest memory and the socket; nothing here copies a page to the heap.
 */
@NullMarked
package io.vmferry.streams.transfer;

import org.jspecify.annotations.NullMarked;
