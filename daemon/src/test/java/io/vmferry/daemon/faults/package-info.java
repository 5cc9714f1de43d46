/**
 * Fault injection: a proxy between two node processes that breaks one message of a migration, a
 * controller that breaks a process there, the scenarios, and what must hold after each.
 */
@NullMarked
package io.vmferry.daemon.faults;

import org.jspecify.annotations.NullMarked;
