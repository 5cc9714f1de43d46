package io.vmferry.daemon.units;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DurationsTest {
  @ParameterizedTest
  @CsvSource({
    "300ms, PT0.3S",
    "250us, PT0.00025S",
    "90s, PT1M30S",
    "2.5s, PT2.5S",
    "1m30s, PT1M30S",
    "1 h, PT1H",
    "2d, PT48H",
    "0s, PT0S"
  })
  void readsDurations(String text, Duration duration) {
    assertEquals(duration, Durations.parse(text));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "ms", "-1s", "soon", "1s soon", "1 fortnight", "99999999999d"})
  void refusesWhatIsNoDuration(String text) {
    assertThrows(UnitFormatException.class, () -> Durations.parse(text));
  }

  @Test
  void asksForTheUnitOfABareNumber() {
    String message =
        assertThrows(UnitFormatException.class, () -> Durations.parse("300")).getMessage();

    assertEquals("'300' has no unit: write 300ms, 90s or 1h (us, ms, s, m, h, d)", message);
  }

  @ParameterizedTest
  @CsvSource({
    "0.42, 0.4 ms",
    "9.96, 10 ms",
    "312.4, 312 ms",
    "2140, 2.1 s",
    "185000, 3 min 5 s",
    "7260000, 2 h 1 min"
  })
  void writesMillisecondsForPeople(double millis, String text) {
    assertEquals(text, Durations.formatMillis(millis));
  }
}
