package io.vmferry.actors.guest;

import io.vmferry.actors.guest.GuestReport.VcpuReport;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads the report lines of the project's own guests from their serial output.
 *
 * <p>The lines carry absolute counters, so a parser that begins in the middle (on the destination
 * of a migration) is up to date after one line of each vCPU. Lines it does not know, among them the
 * rest of a line that was begun elsewhere, are skipped. Not thread-safe.
 */
public final class GuestReportParser {

  static final String STANDARD_PREFIX = "vmferry standard cpu=";
  static final String IDLE_PREFIX = "vmferry idle cpu=";

  /** Longer lines are not the guests': the rest of such a line is dropped. */
  private static final int MAX_LINE = 256;

  private static final String HEX = "=([0-9a-f]{1,16})";
  private static final String CPU = "([0-9a-f]{1,2})/([0-9a-f]{1,2})";
  private static final Pattern STANDARD =
      Pattern.compile(
          STANDARD_PREFIX
              + CPU
              + " it"
              + HEX
              + " ok"
              + HEX
              + " bad"
              + HEX
              + " sweeps"
              + HEX
              + "(?: gpa"
              + HEX
              + " want"
              + HEX
              + " found"
              + HEX
              + ")?");
  private static final Pattern IDLE = Pattern.compile(IDLE_PREFIX + CPU + " beats" + HEX);
  private static final Pattern FAULT = Pattern.compile("vmferry fault cpu" + HEX + " vector=.*");

  private final StringBuilder line = new StringBuilder();
  private final Map<Integer, VcpuReport> vcpus = new TreeMap<>();
  private int vcpuCount;
  private @Nullable String fault;

  /** Takes the next byte of serial output. */
  public void accept(byte serialByte) {
    if (serialByte == '\n') {
      acceptLine(line.toString());
      line.setLength(0);
    } else if (line.length() < MAX_LINE) {
      line.append((char) (serialByte & 0xFF));
    }
  }

  /** What is known now. */
  public GuestReport report() {
    long iterations = 0;
    long verified = 0;
    long mismatches = 0;
    long sweeps = Long.MAX_VALUE;
    for (VcpuReport vcpu : vcpus.values()) {
      iterations += vcpu.iterations();
      verified += vcpu.pagesVerified();
      mismatches += vcpu.mismatches();
      sweeps = Math.min(sweeps, vcpu.sweeps());
    }
    boolean all = vcpuCount > 0 && vcpus.size() == vcpuCount;
    return new GuestReport(
        all && fault == null,
        iterations,
        verified,
        mismatches,
        all ? sweeps : 0,
        firstMismatch(),
        List.copyOf(vcpus.values()));
  }

  private @Nullable String firstMismatch() {
    if (fault != null) {
      return fault;
    }
    return vcpus.values().stream()
        .map(VcpuReport::firstMismatch)
        .filter(Objects::nonNull)
        .findFirst()
        .orElse(null);
  }

  private void acceptLine(String text) {
    Matcher standard = STANDARD.matcher(text);
    if (standard.matches()) {
      acceptStandard(standard);
      return;
    }
    Matcher idle = IDLE.matcher(text);
    if (idle.matches()) {
      put(idle, new VcpuReport(hexInt(idle, 1), hex(idle, 3), 0, 0, hex(idle, 3), null));
    } else if (FAULT.matcher(text).matches() && fault == null) {
      fault = text;
    }
  }

  private void acceptStandard(Matcher line) {
    String mismatch =
        line.group(7) == null
            ? null
            : "vCPU "
                + hexInt(line, 1)
                + " at 0x"
                + line.group(7)
                + ": expected 0x"
                + line.group(8)
                + ", found 0x"
                + line.group(9);
    put(
        line,
        new VcpuReport(
            hexInt(line, 1), hex(line, 3), hex(line, 4), hex(line, 5), hex(line, 6), mismatch));
  }

  private void put(Matcher line, VcpuReport report) {
    vcpuCount = hexInt(line, 2);
    vcpus.put(report.vcpu(), report);
  }

  private static int hexInt(Matcher line, int group) {
    return Integer.parseInt(line.group(group), 16);
  }

  private static long hex(Matcher line, int group) {
    return Long.parseUnsignedLong(line.group(group), 16);
  }
}
