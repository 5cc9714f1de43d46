package io.vmferry.daemon.options;

import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.units.Rates;
import io.vmferry.daemon.units.UnitFormatException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The options of {@code send-migration}: ch-remote's names, defaults and rules, and beside them
 * {@code bandwidth}, {@code verify}, {@code extensions}, {@code compression} and {@code
 * auto_converge}. Postcopy takes several connections here, which Cloud Hypervisor does not allow.
 *
 * <p>Source: Cloud Hypervisor, vmm/src/api/mod.rs, VmSendMigrationData.
 */
public final class SendMigrationOptions {
  /** Most connections of one migration; docs/protocol.md#connections. */
  public static final int MAX_CONNECTIONS = 128;

  /** What precopy aims for if nothing is said. */
  public static final long DEFAULT_DOWNTIME_MS = 300;

  /** How long rounds may go on if nothing is said: one hour. */
  public static final long DEFAULT_TIMEOUT_S = 3_600;

  /** The list's form, for help texts. */
  public static final String SYNTAX =
      "destination_url=tcp:<host>:<port>|unix:<path>[,memory_mode=precopy|postcopy|hybrid]"
          + "[,local=on|off][,connections=<n>][,downtime_ms=<n>][,timeout_s=<n>]"
          + "[,timeout_strategy=cancel|ignore][,bandwidth=<rate>][,verify=on|off]"
          + "[,extensions=on|off][,compression=auto|zstd|lz4|off][,auto_converge=on|off]"
          + "[,tls_dir=<path>][,preserve_source=on|off]";

  private static final List<String> NAMES =
      List.of(
          "destination_url",
          "memory_mode",
          "local",
          "connections",
          "downtime_ms",
          "timeout_s",
          "timeout_strategy",
          "bandwidth",
          "verify",
          "extensions",
          "compression",
          "auto_converge",
          "tls_dir",
          "preserve_source");

  private SendMigrationOptions() {}

  /**
   * Reads the options.
   *
   * @param text {@link #SYNTAX}, or the destination URL alone
   * @throws OptionSyntaxException if they cannot be read or do not go together
   */
  public static SendMigrationRequest parse(String text) {
    OptionList options =
        text.contains("=")
            ? OptionList.parse(text, NAMES)
            : OptionList.parse("destination_url=" + text, NAMES);
    String url =
        MigrationAddress.check(
            "destination_url", options.required("destination_url", "tcp:host:9000"), 1);
    String mode = options.oneOf("memory_mode", "precopy", MigrationAddress.MEMORY_MODES);
    boolean local = options.toggle("local", false);
    int connections = (int) options.positive("connections", 1, MAX_CONNECTIONS);
    checkTogether(url, mode, local, connections);
    boolean preserveSource = options.toggle("preserve_source", false);
    if (preserveSource && !local) {
      throw new OptionSyntaxException("preserve_source=on needs local=on: it is for snapshots");
    }
    return SendMigrationRequest.to(url, local ? "local" : mode)
        .connections(connections)
        .downtimeMs(options.positive("downtime_ms", DEFAULT_DOWNTIME_MS, Integer.MAX_VALUE))
        .timeout(
            options.positive("timeout_s", DEFAULT_TIMEOUT_S, Integer.MAX_VALUE),
            options.oneOf("timeout_strategy", "cancel", List.of("cancel", "ignore")))
        .bandwidth(bandwidth(options.get("bandwidth")))
        .verify(options.toggle("verify", false))
        .extensions(options.toggle("extensions", true))
        .compression(options.oneOf("compression", "auto", List.of("auto", "zstd", "lz4", "off")))
        .autoConverge(options.toggle("auto_converge", true))
        .tlsDir(MigrationAddress.tlsDirectory("destination_url", url, options.get("tls_dir")))
        .preserveSource(preserveSource)
        .build();
  }

  private static void checkTogether(String url, String mode, boolean local, int connections) {
    MigrationAddress.checkLocal("destination_url", url, local, mode);
    if (MigrationAddress.isUnix(url) && connections > 1) {
      throw new OptionSyntaxException(
          "connections=" + connections + " needs destination_url=tcp:<host>:<port>");
    }
  }

  private static long bandwidth(@Nullable String value) {
    if (value == null) {
      return 0;
    }
    try {
      return Rates.parse(value);
    } catch (UnitFormatException e) {
      throw new OptionSyntaxException("bandwidth: " + e.getMessage());
    }
  }
}
