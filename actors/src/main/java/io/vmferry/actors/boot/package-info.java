/**
 * Puts a Linux kernel into a new guest's memory: ELF and bzImage files, the boot structures of the
 * PVH and the 64-bit Linux boot protocol, and the tables that tell a kernel its vCPUs. See
 * docs/guests.md.
 */
@NullMarked
package io.vmferry.actors.boot;

import org.jspecify.annotations.NullMarked;
