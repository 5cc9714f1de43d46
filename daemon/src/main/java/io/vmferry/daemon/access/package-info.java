/**
 * What a node and those who ask it prove to each other who they are with: a token in a file, a TLS
 * directory, and how both are read anew.
 */
@NullMarked
package io.vmferry.daemon.access;

import org.jspecify.annotations.NullMarked;
