/**
 * The management routes under /v1: paths, methods, status codes, JSON in and out, server-sent
 * events. What the routes do is behind {@link io.vmferry.daemon.http.NodeApi}.
 */
@NullMarked
package io.vmferry.daemon.http;

import org.jspecify.annotations.NullMarked;
