/**
 * The Config payload: the JSON in which a migration describes its guest, in Cloud Hypervisor's
 * shape with our own data under one extra key. The fields are in docs/protocol.md.
 */
@NullMarked
package io.vmferry.streams.config;

import org.jspecify.annotations.NullMarked;
