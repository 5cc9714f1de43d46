/** Threads that are fenced in with seccomp, and how they get done what they may not do. */
@NullMarked
package io.vmferry.streams.sandbox;

import org.jspecify.annotations.NullMarked;
