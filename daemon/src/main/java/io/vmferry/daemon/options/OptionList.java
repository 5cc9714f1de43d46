package io.vmferry.daemon.options;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A list {@code name=value,name=value} as ch-remote takes it. A comma inside double quotes or
 * square brackets belongs to the value; quotes are removed.
 */
final class OptionList {
  private final Map<String, String> values;

  private OptionList(Map<String, String> values) {
    this.values = values;
  }

  /**
   * Reads a list.
   *
   * @param text the list
   * @param known every name that may occur, in the order the error message shows
   */
  static OptionList parse(String text, List<String> known) {
    Map<String, String> values = new LinkedHashMap<>();
    for (String part : split(text)) {
      int equals = part.indexOf('=');
      if (equals <= 0) {
        throw new OptionSyntaxException(
            "'" + part + "' is not name=value; the names are " + String.join(", ", known));
      }
      String name = part.substring(0, equals).strip();
      if (!known.contains(name)) {
        throw new OptionSyntaxException(
            "Unknown option '" + name + "'; the names are " + String.join(", ", known));
      }
      if (values.put(name, part.substring(equals + 1).strip()) != null) {
        throw new OptionSyntaxException("Option '" + name + "' is given twice");
      }
    }
    return new OptionList(values);
  }

  @Nullable String get(String name) {
    return values.get(name);
  }

  String required(String name, String example) {
    String value = values.get(name);
    if (value == null || value.isEmpty()) {
      throw new OptionSyntaxException(name + " is required, such as " + name + "=" + example);
    }
    return value;
  }

  boolean toggle(String name, boolean otherwise) {
    String value = values.get(name);
    if (value == null) {
      return otherwise;
    }
    return switch (value) {
      case "on", "true" -> true;
      case "off", "false" -> false;
      default -> throw new OptionSyntaxException(name + "=" + value + ": write on or off");
    };
  }

  String oneOf(String name, String otherwise, List<String> allowed) {
    String value = values.getOrDefault(name, otherwise);
    for (String candidate : allowed) {
      if (candidate.equalsIgnoreCase(value)) {
        return candidate;
      }
    }
    throw new OptionSyntaxException(
        name + "=" + value + ": write one of " + String.join(", ", allowed));
  }

  long positive(String name, long otherwise, long max) {
    String value = values.get(name);
    if (value == null) {
      return otherwise;
    }
    try {
      long number = Long.parseLong(value);
      if (number >= 1 && number <= max) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Reported below, like a number out of range.
    }
    throw new OptionSyntaxException(name + "=" + value + ": write a whole number from 1 to " + max);
  }

  private static List<String> split(String text) {
    List<String> parts = new ArrayList<>();
    StringBuilder part = new StringBuilder();
    boolean quoted = false;
    int brackets = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '"') {
        quoted = !quoted;
        continue;
      }
      if (!quoted && c == '[') {
        brackets++;
      } else if (!quoted && c == ']') {
        brackets--;
      }
      if (c == ',' && !quoted && brackets == 0) {
        parts.add(part.toString());
        part.setLength(0);
      } else {
        part.append(c);
      }
    }
    if (quoted || brackets != 0) {
      throw new OptionSyntaxException("'" + text + "' has a quote or bracket without its partner");
    }
    parts.add(part.toString());
    return parts;
  }
}
