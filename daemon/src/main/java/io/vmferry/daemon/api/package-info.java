/**
 * The JSON bodies of a node's /v1 routes: one record per body, shared by the routes and the client.
 */
@NullMarked
package io.vmferry.daemon.api;

import org.jspecify.annotations.NullMarked;
