/**
 * What tests of several modules need: certificates made on the spot, a link that can be broken, and
 * bad input with those who send it.
 */
@NullMarked
package io.vmferry.streams.testing;

import org.jspecify.annotations.NullMarked;
