/**
 * What a virtual machine is made of below the actors: KVM, guest memory, devices, and their state
 * as it travels.
 */
@NullMarked
package io.vmferry.actors.machine;

import org.jspecify.annotations.NullMarked;
