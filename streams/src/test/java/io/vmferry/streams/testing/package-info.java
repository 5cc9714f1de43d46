/** What tests of several modules need of the transport: certificates made on the spot. */
@NullMarked
package io.vmferry.streams.testing;

import org.jspecify.annotations.NullMarked;
