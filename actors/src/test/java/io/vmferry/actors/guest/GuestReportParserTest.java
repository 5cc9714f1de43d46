package io.vmferry.actors.guest;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class GuestReportParserTest {

  private final GuestReportParser parser = new GuestReportParser();

  @Test
  void addsTheCountersOfAllVcpus() {
    feed("vmferry standard cpu=0/2 it=1f ok=1f bad=0 sweeps=3\n");
    assertFalse(parser.report().running());
    feed("vmferry standard cpu=1/2 it=10 ok=f bad=1 sweeps=2 gpa=400ff8 want=a found=b\n");

    GuestReport report = parser.report();

    assertTrue(report.running());
    assertEquals(0x2F, report.iterations());
    assertEquals(0x2E, report.pagesVerified());
    assertEquals(1, report.mismatches());
    assertEquals(2, report.sweeps());
    assertEquals("vCPU 1 at 0x400ff8: expected 0xa, found 0xb", report.firstMismatch());
    assertEquals(2, report.vcpus().size());
  }

  @Test
  void keepsTheNewestLineOfEachVcpu() {
    feed("vmferry standard cpu=0/1 it=5 ok=5 bad=0 sweeps=1\n");
    feed("vmferry standard cpu=0/1 it=ffffffffffffffff ok=9 bad=0 sweeps=2\n");

    assertEquals(-1, parser.report().iterations());
    assertEquals(2, parser.report().sweeps());
  }

  @Test
  void skipsTheRestOfALineThatBeganElsewhere() {
    feed("cpu=0/1 it=5 ok=5 bad=0 sweeps=1\nit=5 ok=5 bad=0 sweeps=1\n\n");
    assertFalse(parser.report().running());

    feed("vmferry standard cpu=0/1 it=6 ok=6 bad=0 sweeps=1\n");

    assertTrue(parser.report().running());
    assertEquals(6, parser.report().iterations());
    assertNull(parser.report().firstMismatch());
  }

  @Test
  void survivesALineWithoutEnd() {
    feed("x".repeat(100_000));
    feed("\nvmferry idle cpu=0/1 beats=2\n");

    assertTrue(parser.report().running());
    assertEquals(2, parser.report().iterations());
  }

  @Test
  void isNotRunningAfterAGuestFault() {
    feed("vmferry standard cpu=0/1 it=6 ok=6 bad=0 sweeps=1\n");
    feed("vmferry fault cpu=0 vector=6 error=0 rip=4010 cr2=0\n");

    assertFalse(parser.report().running());
    assertEquals(
        "vmferry fault cpu=0 vector=6 error=0 rip=4010 cr2=0", parser.report().firstMismatch());
  }

  @Test
  void ignoresAPartOfAReport() {
    feed("vmferry standard cpu=0/1 it=6 ok=6 bad=0\nvmferry standard cpu=0/1 it=6 ok=\n");

    assertEquals(0, parser.report().vcpus().size());
  }

  private void feed(String text) {
    for (byte b : text.getBytes(US_ASCII)) {
      parser.accept(b);
    }
  }
}
