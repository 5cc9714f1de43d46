package io.vmferry.daemon.cli;

import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import picocli.CommandLine;

/**
 * A command and those below it, made only where they are needed: picocli reads the options of every
 * command that it knows by reflection, which would be a third of the time that a command takes to
 * start.
 *
 * @param name as in the command's annotation
 * @param command makes the command
 */
record CommandTree(String name, Supplier<Object> command, List<CommandTree> below) {

  static CommandTree of(String name, Supplier<Object> command, CommandTree... below) {
    return new CommandTree(name, command, List.of(below));
  }

  /** Everything, as help and suggestions want it. */
  CommandLine whole() {
    CommandLine made = new CommandLine(command.get());
    below.forEach(tree -> made.addSubcommand(tree.whole()));
    return made;
  }

  /**
   * No more than a command line needs that begins so; all that may be meant where it is unclear.
   */
  CommandLine branch(List<String> words) {
    for (CommandTree tree : below) {
      if (!words.isEmpty() && words.get(0).equals(tree.name)) {
        return new CommandLine(command.get())
            .addSubcommand(tree.branch(words.subList(1, words.size())));
      }
    }
    return whole();
  }

  /** {@link #branch} of these words. */
  CommandLine branch(String... words) {
    return branch(Arrays.asList(words));
  }
}
