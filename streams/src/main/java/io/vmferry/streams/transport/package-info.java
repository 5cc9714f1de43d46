/**
 * Connections that carry a migration: TCP and UNIX sockets behind one blocking interface, the
 * listener and the connector, and the URLs that name them.
 */
@NullMarked
package io.vmferry.streams.transport;

import org.jspecify.annotations.NullMarked;
