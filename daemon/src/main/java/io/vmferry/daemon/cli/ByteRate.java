package io.vmferry.daemon.cli;

/** An option's value that is a rate; 0 is no limit. */
record ByteRate(long bytesPerSecond) {}
