/**
 * Which pages move: runs of pages, the dirty bitmap read as runs, what the first round may skip,
 * when precopy ends, and which pages a postcopy destination has. Arithmetic only, no I/O.
 */
@NullMarked
package io.vmferry.streams.pages;

import org.jspecify.annotations.NullMarked;
