package io.vmferry.daemon.cli;

/** An option's value that is a size. */
record ByteSize(long bytes) {}
