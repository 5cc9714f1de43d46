/**
 * userfaultfd: watched memory, the faults on it, and the calls that put pages in place.
 *
 * <p>Source: include/uapi/linux/userfaultfd.h and Documentation/admin-guide/mm/userfaultfd.rst.
 */
@NullMarked
package io.vmferry.kvm.uffd;

import org.jspecify.annotations.NullMarked;
