package io.vmferry.daemon.options;

import io.vmferry.daemon.api.ReceiveMigrationRequest;
import java.util.List;

/**
 * The options of {@code receive-migration}: ch-remote's form, which is also the URL alone, and
 * beside it {@code local}, {@code name}, {@code verify}, {@code extensions} and {@code prefault},
 * which Cloud Hypervisor has as an option of guest memory. The mode must be the source's.
 *
 * <p>Source: Cloud Hypervisor, vmm/src/api/mod.rs, VmReceiveMigrationData.
 */
public final class ReceiveMigrationOptions {
  /** The list's form, for help texts. */
  public static final String SYNTAX =
      "receiver_url=tcp:<host>:<port>|unix:<path>[,memory_mode=precopy|postcopy|hybrid]"
          + "[,local=on|off][,name=<vm>][,verify=on|off][,extensions=on|off]"
          + "[,prefault=on|off][,tls_dir=<path>]";

  private static final List<String> NAMES =
      List.of(
          "receiver_url",
          "memory_mode",
          "local",
          "name",
          "verify",
          "extensions",
          "prefault",
          "tls_dir");

  private ReceiveMigrationOptions() {}

  /**
   * Reads the options.
   *
   * @param text {@link #SYNTAX}, or the URL alone
   * @throws OptionSyntaxException if they cannot be read or do not go together
   */
  public static ReceiveMigrationRequest parse(String text) {
    OptionList options =
        text.contains("=")
            ? OptionList.parse(text, NAMES)
            : OptionList.parse("receiver_url=" + text, NAMES);
    String url =
        MigrationAddress.check(
            "receiver_url", options.required("receiver_url", "tcp:0.0.0.0:9000"), 0);
    String mode = options.oneOf("memory_mode", "precopy", MigrationAddress.MEMORY_MODES);
    boolean local = options.toggle("local", false);
    MigrationAddress.checkLocal("receiver_url", url, local, mode);
    boolean prefault = options.toggle("prefault", false);
    if (prefault && (local || mode.equals("postcopy"))) {
      throw new OptionSyntaxException(
          "prefault=on is for memory_mode=precopy and hybrid: the other modes receive no memory"
              + " ahead");
    }
    return new ReceiveMigrationRequest(
        url,
        local ? "local" : mode,
        options.get("name"),
        options.toggle("verify", false),
        options.toggle("extensions", true),
        prefault,
        MigrationAddress.tlsDirectory("receiver_url", url, options.get("tls_dir")));
  }
}
