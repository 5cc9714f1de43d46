/** Talks to a node's /v1 routes over HTTP: requests, server-sent events, problem details. */
@NullMarked
package io.vmferry.daemon.client;

import org.jspecify.annotations.NullMarked;
