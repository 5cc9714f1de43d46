/** Waiting for descriptors: eventfd and epoll. */
@NullMarked
package io.vmferry.kvm.event;

import org.jspecify.annotations.NullMarked;
