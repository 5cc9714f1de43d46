/**
 * UNIX stream sockets that can pass descriptors, which the JDK's cannot. Blocking calls, ended by
 * closing the socket from any thread.
 */
@NullMarked
package io.vmferry.kvm.socket;

import org.jspecify.annotations.NullMarked;
