/** The vmferry command: its tree of subcommands, exit codes and error messages. */
@NullMarked
package io.vmferry.daemon.cli;

import org.jspecify.annotations.NullMarked;
