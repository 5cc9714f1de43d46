/**
 * The demonstration: two node processes on loopback, a guest that checks its own memory, one
 * migration between them, and the checks that it went well.
 */
@NullMarked
package io.vmferry.daemon.quickstart;

import org.jspecify.annotations.NullMarked;
