package io.vmferry.daemon.options;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Checks the URLs of migrations before a node is asked, so that a typing error costs nothing. */
final class MigrationAddress {
  /** The ways memory travels over a connection. */
  static final List<String> MEMORY_MODES = List.of("precopy", "postcopy", "hybrid");

  private MigrationAddress() {}

  /**
   * Returns {@code url} if it is {@code tcp:host:port} or {@code unix:/path}.
   *
   * @param minPort 1 for a destination, 0 for a listener that lets the host choose
   */
  static String check(String name, String url, int minPort) {
    if (url.startsWith("unix:") && url.length() > "unix:".length()) {
      return url;
    }
    if (!url.startsWith("tcp:")) {
      throw wrong(name, url, "");
    }
    String address = url.substring("tcp:".length());
    int colon = address.lastIndexOf(':');
    if (colon <= 0) {
      throw wrong(name, url, "");
    }
    int port;
    try {
      port = Integer.parseInt(address.substring(colon + 1));
    } catch (NumberFormatException e) {
      throw wrong(name, url, "");
    }
    if (port < minPort || port > 65_535) {
      throw wrong(name, url, " with a port from " + minPort + " to 65535");
    }
    return url;
  }

  static boolean isUnix(String url) {
    return url.startsWith("unix:");
  }

  /**
   * With {@code local=on} memory goes as descriptors through a UNIX socket, and no page is sent.
   */
  static void checkLocal(String name, String url, boolean local, String mode) {
    if (local && !isUnix(url)) {
      throw new OptionSyntaxException(
          "local=on passes memory between processes of one host: it needs "
              + name
              + "=unix:<path>");
    }
    if (local && !mode.equals("precopy")) {
      throw new OptionSyntaxException(
          "local=on and memory_mode="
              + mode
              + " exclude each other: with local=on no page is sent");
    }
  }

  /**
   * The directory of a node's TLS files, absolute: relative to where the command runs, as the node
   * is on this host where one is named.
   */
  static @Nullable String tlsDirectory(String name, String url, @Nullable String directory) {
    if (directory == null) {
      return null;
    }
    if (isUnix(url)) {
      throw new OptionSyntaxException("tls_dir needs " + name + "=tcp:<host>:<port>");
    }
    if (directory.isEmpty()) {
      throw new OptionSyntaxException("tls_dir is empty: write a directory");
    }
    return Path.of(directory).toAbsolutePath().normalize().toString();
  }

  private static OptionSyntaxException wrong(String name, String url, String detail) {
    return new OptionSyntaxException(
        name + "=" + url + ": write tcp:<host>:<port> or unix:<path>" + detail);
  }
}
