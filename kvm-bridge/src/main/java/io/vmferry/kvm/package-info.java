/**
 * The kernel's KVM interface, typed: system, virtual machine and vCPU descriptors, their state, and
 * the errors every native call of this module reports.
 */
@NullMarked
package io.vmferry.kvm;

import org.jspecify.annotations.NullMarked;
