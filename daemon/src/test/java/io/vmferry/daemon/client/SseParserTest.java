package io.vmferry.daemon.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SseParserTest {
  private static List<SseParser.Event> parse(String... lines) {
    SseParser parser = new SseParser();
    List<SseParser.Event> events = new ArrayList<>();
    for (String line : lines) {
      SseParser.Event event = parser.accept(line);
      if (event != null) {
        events.add(event);
      }
    }
    return events;
  }

  @Test
  void putsAnEventTogether() {
    assertEquals(
        List.of(new SseParser.Event("progress", "{}"), new SseParser.Event("result", "1\n2")),
        parse("event: progress", "data: {}", "", "event:result", "data:1", "data: 2", ""));
  }

  @Test
  void skipsCommentsIdsAndEmptyEvents() {
    assertEquals(
        List.of(new SseParser.Event("message", "x")),
        parse(": keep alive", "", "id: 7", "retry: 10", "", "event: nothing", "", "data: x", ""));
  }

  @Test
  void anUnfinishedEventIsNone() {
    assertNull(new SseParser().accept("data: half"));
  }
}
