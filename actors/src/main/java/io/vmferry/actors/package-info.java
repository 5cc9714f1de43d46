/** The actor API for embedders: {@link io.vmferry.actors.VmHost} and what its answers carry. */
@NullMarked
package io.vmferry.actors;

import org.jspecify.annotations.NullMarked;
