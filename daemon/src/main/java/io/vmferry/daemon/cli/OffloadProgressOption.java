package io.vmferry.daemon.cli;

import io.vmferry.daemon.offload.OffloadProgress;
import picocli.CommandLine.Option;

/** How the offload commands show how far they are. */
final class OffloadProgressOption {
  /** The forms. */
  enum Form {
    text,
    json
  }

  @Option(
      names = "--progress",
      paramLabel = "FORM",
      description =
          "${COMPLETION-CANDIDATES}, on stderr: text is a bar on a terminal and lines elsewhere."
              + " Default: text.")
  private Form form = Form.text;

  OffloadProgress on(Console console) {
    return new OffloadProgress(console.terminal(), form == Form.json);
  }

  OffloadProgress of(String name, Console console) {
    return OffloadProgress.of(name, console.terminal(), form == Form.json);
  }
}
