package io.vmferry.daemon.client;

import org.jspecify.annotations.Nullable;

/**
 * Puts server-sent events together from their lines. Knows {@code event}, {@code data} and
 * comments; ids and retry times are skipped.
 *
 * @see <a href="https://html.spec.whatwg.org/multipage/server-sent-events.html">Server-sent
 *     events</a>
 */
final class SseParser {
  /** One event; {@code type} is {@code message} if the stream gave none. */
  record Event(String type, String data) {}

  private String type = "";
  private final StringBuilder data = new StringBuilder();

  /** Takes the next line without its end; returns the event that this line completes, if any. */
  @Nullable Event accept(String line) {
    if (line.isEmpty()) {
      return finish();
    }
    int colon = line.indexOf(':');
    if (colon == 0) {
      return null;
    }
    String field = colon < 0 ? line : line.substring(0, colon);
    String value = colon < 0 ? "" : line.substring(colon + 1);
    if (value.startsWith(" ")) {
      value = value.substring(1);
    }
    if (field.equals("event")) {
      type = value;
    } else if (field.equals("data")) {
      if (data.length() > 0) {
        data.append('\n');
      }
      data.append(value);
    }
    return null;
  }

  private @Nullable Event finish() {
    Event event =
        data.length() == 0 ? null : new Event(type.isEmpty() ? "message" : type, data.toString());
    type = "";
    data.setLength(0);
    return event;
  }
}
