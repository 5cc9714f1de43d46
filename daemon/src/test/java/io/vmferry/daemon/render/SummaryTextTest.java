package io.vmferry.daemon.render;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vmferry.daemon.api.SummaryView;
import org.junit.jupiter.api.Test;

class SummaryTextTest {
  @Test
  void showsPrecopy() {
    SummaryView summary =
        new SummaryView(
            "precopy",
            "kvm",
            256L << 20,
            2_140.0,
            2_050.0,
            38.2,
            5,
            300L << 20,
            38.2,
            38.2,
            null,
            null,
            null,
            30,
            123_456L,
            0L,
            true,
            "00ff",
            true);

    assertEquals(
        """
        mode             precopy
        hypervisor       kvm
        memory           256 MiB
        total time       2.1 s
        downtime         38 ms
        rounds           5
        guest slowed by  30 %
        sent             300 MiB
        running after    38 ms from the pause
        all pages after  38 ms from the pause
        guest verified   123456 pages
        mismatches       0
        memory digests   agree
        guest            running on the destination""",
        String.join("\n", SummaryText.lines(summary)).replaceAll("(?m)^  ", ""));
  }

  @Test
  void showsThatDigestsDifferAndAGuestThatWaits() {
    SummaryView summary =
        new SummaryView(
            "postcopy",
            "kvm",
            256L << 20,
            900,
            800.0,
            1.4,
            0,
            256L << 20,
            1.4,
            800.0,
            42L,
            60L,
            900L,
            null,
            null,
            null,
            false,
            "00ff",
            false);

    assertEquals(
        """
        mode             postcopy
        hypervisor       kvm
        memory           256 MiB
        total time       900 ms
        downtime         1.4 ms
        sent             256 MiB
        running after    1.4 ms from the pause
        all pages after  800 ms from the pause
        page faults      42, half within 60 us, 99 % within 900 us
        memory digests   DIFFER
        guest            not running on the destination""",
        String.join("\n", SummaryText.lines(summary)).replaceAll("(?m)^  ", ""));
  }
}
