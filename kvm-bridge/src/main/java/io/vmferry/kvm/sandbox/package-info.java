/**
 * Fences single threads in with seccomp: which system calls a thread of a running JVM needs, and
 * how the kernel is told to stop it at all others. And with Landlock: where a program may write.
 */
@NullMarked
package io.vmferry.kvm.sandbox;

import org.jspecify.annotations.NullMarked;
