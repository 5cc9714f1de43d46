package io.vmferry.daemon.faults;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a node's heap holds once garbage is gone. Source: jcmd(1), GC.run and GC.heap_info. */
final class HeapAfterGc {
  // Of the serial collector, which the nodes of these tests run: "def new generation total .., used
  // 123K" and "tenured generation total .., used 456K".
  private static final Pattern USED = Pattern.compile("generation\\s+total \\d+K, used (\\d+)K");

  private HeapAfterGc() {}

  /** In bytes. */
  static long of(ProcessHandle node) throws IOException, InterruptedException {
    jcmd(node, "GC.run");
    Matcher used = USED.matcher(jcmd(node, "GC.heap_info"));
    long kib = 0;
    while (used.find()) {
      kib += Long.parseLong(used.group(1));
    }
    if (kib == 0) {
      throw new IOException("no heap in what jcmd says");
    }
    return kib << 10;
  }

  private static String jcmd(ProcessHandle node, String command)
      throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                Long.toString(node.pid()),
                command)
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException("jcmd " + command + ": " + said);
    }
    return said;
  }
}
