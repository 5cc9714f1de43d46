package io.vmferry.daemon.api;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class ProblemTest {
  @Test
  void aMessageIsOneLine() {
    String message = "There is no VM named a\r\nExit: 0\u001b[2Jb\u2028c.";

    assertEquals("There is no VM named a??Exit: 0?[2Jb?c.", problem(message).message());
  }

  @Test
  void aMessageHasAnEnd() {
    assertEquals("x".repeat(1_000), problem("x".repeat(1_000)).message());
    assertEquals("x".repeat(1_000) + "…", problem("x".repeat(1_001)).message());
    assertEquals("x".repeat(1_000) + "…", problem("x".repeat(1_000_000)).message());
  }

  private static Problem problem(String message) {
    return Problem.of("VM_NOT_FOUND", message, null);
  }
}
