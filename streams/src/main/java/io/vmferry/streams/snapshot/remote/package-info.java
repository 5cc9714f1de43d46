/** A chunk store on another host, reached by HTTPS with certificates on both sides. */
@NullMarked
package io.vmferry.streams.snapshot.remote;

import org.jspecify.annotations.NullMarked;
