/** Files that hold a secret: who may read them. */
@NullMarked
package io.vmferry.streams.secret;

import org.jspecify.annotations.NullMarked;
