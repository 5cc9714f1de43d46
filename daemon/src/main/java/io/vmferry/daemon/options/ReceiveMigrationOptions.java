package io.vmferry.daemon.options;

import io.vmferry.daemon.api.ReceiveMigrationRequest;
import java.util.List;

/**
 * The options of {@code receive-migration}: ch-remote's form, which is also the URL alone, and
 * beside it {@code name} and {@code verify}. The memory mode is the source's choice; ch-remote's
 * {@code memory_mode} is read and checked, and needs no further setting here.
 *
 * <p>Source: Cloud Hypervisor, vmm/src/api/mod.rs, VmReceiveMigrationData.
 */
public final class ReceiveMigrationOptions {
  /** The list's form, for help texts. */
  public static final String SYNTAX =
      "receiver_url=tcp:<host>:<port>|unix:<path>[,name=<vm>][,memory_mode=precopy|postcopy]"
          + "[,verify=on|off]";

  private static final List<String> NAMES =
      List.of("receiver_url", "name", "memory_mode", "verify");

  private ReceiveMigrationOptions() {}

  /**
   * Reads the options.
   *
   * @param text {@link #SYNTAX}, or the URL alone
   * @throws OptionSyntaxException if they cannot be read
   */
  public static ReceiveMigrationRequest parse(String text) {
    OptionList options =
        text.contains("=")
            ? OptionList.parse(text, NAMES)
            : OptionList.parse("receiver_url=" + text, NAMES);
    String url =
        MigrationAddress.check(
            "receiver_url", options.required("receiver_url", "tcp:0.0.0.0:9000"), 0);
    options.oneOf("memory_mode", "precopy", List.of("precopy", "postcopy"));
    return new ReceiveMigrationRequest(url, options.get("name"), options.toggle("verify", false));
  }
}
