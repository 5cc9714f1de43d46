/**
 * The offload daemon: takes and restores snapshots at a UNIX socket, in the place of Cloud
 * Hypervisor's own.
 */
@NullMarked
package io.vmferry.daemon.offload;

import org.jspecify.annotations.NullMarked;
