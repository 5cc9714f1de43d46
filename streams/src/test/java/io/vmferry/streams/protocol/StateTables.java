package io.vmferry.streams.protocol;

import io.vmferry.streams.wire.Command;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;

/** Tables of a state a line: its name, then the next state for each command in wire order. */
final class StateTables {
  private StateTables() {}

  static Stream<Arguments> product(String table) {
    return table.lines().flatMap(StateTables::line);
  }

  private static Stream<Arguments> line(String line) {
    String[] cells = line.trim().split(" +", -1);
    Command[] commands = Command.values();
    return IntStream.range(0, commands.length)
        .mapToObj(i -> Arguments.of(cells[0], commands[i], cells[i + 1]));
  }
}
