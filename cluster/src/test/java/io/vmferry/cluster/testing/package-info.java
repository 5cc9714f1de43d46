/** Hand-written stand-ins for the cluster's tests, and nodes of a test cluster. */
@NullMarked
package io.vmferry.cluster.testing;

import org.jspecify.annotations.NullMarked;
