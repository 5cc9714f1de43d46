/**
 * Compression of guest memory: the codecs behind one interface, and the choice of what pays on the
 * link at hand. Nothing here touches guest memory or sockets.
 */
@NullMarked
package io.vmferry.streams.compression;

import org.jspecify.annotations.NullMarked;
