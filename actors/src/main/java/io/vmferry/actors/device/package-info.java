/**
 * Devices emulated in this process, and the port bus that reaches them. A device is used by one
 * thread at a time; its state record goes into the snapshot.
 */
@NullMarked
package io.vmferry.actors.device;

import org.jspecify.annotations.NullMarked;
