package io.vmferry.daemon.render;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;

class TableTest {
  @Test
  void alignsColumns() {
    Table table = new Table("NAME", "STATE").row("a", "running").row("longer", "paused");

    assertEquals(List.of("NAME    STATE", "a       running", "longer  paused"), table.lines());
  }

  @Test
  void refusesARowOfAnotherWidth() {
    assertThrows(IllegalArgumentException.class, () -> new Table("A").row("1", "2"));
  }
}
