package io.vmferry.daemon.render;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.api.ProgressView;
import io.vmferry.daemon.api.SummaryView;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ProgressPrinterTest {
  private static final long MIB = 1L << 20;

  private final StringWriter text = new StringWriter();
  private final AtomicLong clock = new AtomicLong(TimeUnit.SECONDS.toNanos(100));

  private ProgressPrinter printer(boolean interactive, int columns) {
    return new ProgressPrinter(
        new Terminal(new PrintWriter(text), interactive, columns), clock::get);
  }

  private static ProgressView precopy(int round, long leftMib) {
    return new ProgressView(
        "precopy",
        round,
        256 * MIB,
        300 * MIB,
        leftMib * MIB,
        50 * MIB,
        800 * MIB,
        12.0,
        3_000.0,
        0,
        0);
  }

  @Test
  void drawsOneLineOnATerminal() {
    ProgressPrinter printer = printer(true, 120);

    printer.accept(precopy(2, 64));
    printer.finish();

    assertEquals(
        "\rround 2      [###############.....]  75 %  300 MiB sent  800 MiB/s  dirty 50 MiB/s"
            + "  downtime ~12 ms  ETA 3.0 s\u001b[K\n",
        text.toString());
  }

  @Test
  void cutsTheLineToTheTerminal() {
    ProgressPrinter printer = printer(true, 41);

    printer.accept(precopy(2, 64));

    assertEquals("\rround 2      [###############.....]  75 \u001b[K", text.toString());
  }

  @Test
  void printsALineForEachRoundElsewhere() {
    ProgressPrinter printer = printer(false, 80);

    printer.accept(precopy(1, 256));
    printer.accept(precopy(1, 128));
    printer.accept(precopy(2, 0));
    printer.finish();

    assertEquals(
        """
        round 1: 0 %, 300 MiB sent, 800 MiB/s, dirty 50 MiB/s, downtime ~12 ms, ETA 3.0 s
        round 2: 100 %, 300 MiB sent, 800 MiB/s, dirty 50 MiB/s, downtime ~12 ms, ETA 3.0 s
        """,
        text.toString());
  }

  @Test
  void printsALineASecondInALongRoundElsewhere() {
    ProgressPrinter printer = printer(false, 80);
    printer.accept(precopy(1, 256));
    clock.addAndGet(TimeUnit.MILLISECONDS.toNanos(999));
    printer.accept(precopy(1, 200));
    clock.addAndGet(TimeUnit.MILLISECONDS.toNanos(1));

    printer.accept(precopy(1, 128));

    assertEquals(2, text.toString().lines().count());
    assertEquals(true, text.toString().contains("round 1: 50 %"));
  }

  @Test
  void showsWhatPostcopyLacksAndItsFaults() {
    ProgressPrinter printer = printer(false, 80);

    printer.accept(
        new ProgressView("postcopy", 0, 256 * MIB, 192 * MIB, 64 * MIB, 0, 0, null, null, 1234, 0));

    assertEquals("postcopy: 75 %, 192 MiB sent, 64 MiB left, 1234 faults\n", text.toString());
  }

  private static SummaryView summary() {
    return new SummaryView(
        "precopy", "kvm", 256 * MIB, 900, 850.0, 30, 2, 300 * MIB, null, null, null, null, null,
        null, null, null, true, null, null);
  }

  @Test
  void aFullBarIsTheLastThatIsDrawn() {
    ProgressPrinter printer = printer(true, 120);
    printer.accept(precopy(1, 128));

    printer.complete(summary());
    printer.finish();

    String last = text.toString().substring(text.toString().lastIndexOf('\r') + 1);
    assertEquals(
        "done         [####################] 100 %  300 MiB sent  downtime 30 ms  total 900 ms"
            + "\u001b[K\n",
        last);
  }

  @Test
  void theEndIsALineElsewhereIfThereWasOneBefore() {
    ProgressPrinter quiet = printer(false, 80);
    quiet.complete(summary());
    assertEquals("", text.toString());
    ProgressPrinter printer = printer(false, 80);
    printer.accept(precopy(1, 128));

    printer.complete(summary());

    assertTrue(
        text.toString().endsWith("\ndone: 300 MiB sent, downtime 30 ms, total 900 ms\n"),
        text::toString);
  }

  @Test
  void isSilentAfterTheEnd() {
    ProgressPrinter printer = printer(true, 80);
    printer.finish();

    printer.accept(precopy(1, 1));

    assertEquals("", text.toString());
  }

  @Test
  void aMemoryOfUnknownSizeIsZeroPercent() {
    ProgressPrinter printer = printer(false, 80);

    printer.accept(new ProgressView("connecting", 0, 0, 0, 0, 0, 0, null, null, 0, 0));

    assertEquals("connecting: 0 %, 0 B sent\n", text.toString());
  }
}
