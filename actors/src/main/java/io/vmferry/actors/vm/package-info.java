/**
 * The virtual machine and its children: life cycle, vCPU threads, memory regions and their dirty
 * logs.
 */
@NullMarked
package io.vmferry.actors.vm;

import org.jspecify.annotations.NullMarked;
