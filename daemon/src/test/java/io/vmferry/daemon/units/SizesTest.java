package io.vmferry.daemon.units;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SizesTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "4096, 4096",
    "4096B, 4096",
    "4K, 4096",
    "256M, 268435456",
    "256m, 268435456",
    "256MiB, 268435456",
    "1GiB, 1073741824",
    "1.5G, 1610612736",
    "2T, 2199023255552",
    "' 1 GiB ', 1073741824"
  })
  void readsBinarySizes(String text, long bytes) {
    assertEquals(bytes, Sizes.parse(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "M", "-1M", "1,5G", "0x10", "1e9", "12 34", "1..5G", "99999999999999999999"})
  void refusesWhatIsNoSize(String text) {
    String message = assertThrows(UnitFormatException.class, () -> Sizes.parse(text)).getMessage();

    assertEquals(
        "'" + text + "' is not a size: write a number and a unit, such as 256M or 1GiB", message);
  }

  @Test
  void refusesDecimalUnitsAndOffersTheBinaryOnes() {
    String message =
        assertThrows(UnitFormatException.class, () -> Sizes.parse("256MB")).getMessage();

    assertEquals(
        "'256MB' has a decimal unit; sizes are binary here: write 256M or 256MiB", message);
  }

  @Test
  void refusesUnknownUnitsByName() {
    String message = assertThrows(UnitFormatException.class, () -> Sizes.parse("5X")).getMessage();

    assertTrue(message.contains("unknown unit 'X'"), message);
  }

  @Test
  void refusesSizesThatOverflow() {
    String message =
        assertThrows(UnitFormatException.class, () -> Sizes.parse("9000000000G")).getMessage();

    assertEquals("'9000000000G' is too large for a size", message);
  }

  @Test
  void refusesFractionsOfAByte() {
    assertThrows(UnitFormatException.class, () -> Sizes.parse("0.1"));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "1023, 1023 B",
    "1024, 1 KiB",
    "1536, 1.5 KiB",
    "268435456, 256 MiB",
    "268435457, 256 MiB",
    "1288490189, 1.2 GiB"
  })
  void writesSizesForPeople(long bytes, String text) {
    assertEquals(text, Sizes.format(bytes));
  }
}
