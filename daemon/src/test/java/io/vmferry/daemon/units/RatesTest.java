package io.vmferry.daemon.units;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RatesTest {
  @ParameterizedTest
  @CsvSource({
    "50M/s, 52428800",
    "50MiB/s, 52428800",
    "50M, 52428800",
    "1G/s, 1073741824",
    "8Kbit/s, 1000",
    "10Gbit/s, 1250000000",
    "10gbit, 1250000000",
    "unlimited, 0",
    "Unlimited, 0",
    "0, 0"
  })
  void readsRates(String text, long bytesPerSecond) {
    assertEquals(bytesPerSecond, Rates.parse(text));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "/s", "50M/min", "fast", "50MB/s", "-5M/s", "5 apples/s"})
  void refusesWhatIsNoRate(String text) {
    assertThrows(UnitFormatException.class, () -> Rates.parse(text));
  }
}
