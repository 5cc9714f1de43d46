/**
 * Memory a guest lives in: memfds of 4 KiB, 2 MiB and 1 GiB pages, their mappings, the guest's
 * layout of them, and digests. Every access to bytes that may be missing happens inside a native
 * call.
 */
@NullMarked
package io.vmferry.kvm.memory;

import org.jspecify.annotations.NullMarked;
