/**
 * The macro benchmarks: whole migrations between two node processes, and peers that move the same
 * memory in the same invocation. What is compared with what is in benchmarks/README.md.
 */
@NullMarked
package io.vmferry.daemon.bench;

import org.jspecify.annotations.NullMarked;
