package io.vmferry.streams.transport;

import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Where a migration listens or goes to: {@code tcp:host:port}, {@code tcp:[ipv6]:port} or {@code
 * unix:/path}. Printing one gives that form back.
 */
public sealed interface MigrationUrl {

  /**
   * A TCP endpoint.
   *
   * @param host name or address, IPv6 without brackets
   * @param port 0 to 65535; 0 lets the kernel choose and is good for listening only
   */
  record Tcp(String host, int port) implements MigrationUrl {
    /** Checks the parts. */
    public Tcp {
      if (host.isEmpty()) {
        throw new IllegalArgumentException("the host must not be empty");
      }
      if (port < 0 || port > 65535) {
        throw new IllegalArgumentException("port " + port + " is not between 0 and 65535");
      }
    }

    static Tcp of(InetSocketAddress address) {
      return new Tcp(address.getHostString(), address.getPort());
    }

    @Override
    public String toString() {
      return "tcp:" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port;
    }
  }

  /**
   * A UNIX stream socket.
   *
   * @param path the socket file, at most 107 bytes
   */
  record Unix(Path path) implements MigrationUrl {
    // Source: include/uapi/linux/un.h, UNIX_PATH_MAX 108 with the final zero.
    private static final int MAX_PATH_BYTES = 107;

    /** Checks the length. */
    public Unix {
      int bytes = path.toString().getBytes(StandardCharsets.UTF_8).length;
      if (bytes == 0) {
        throw new IllegalArgumentException("the path must not be empty");
      }
      if (bytes > MAX_PATH_BYTES) {
        throw new IllegalArgumentException(
            "the path has " + bytes + " bytes, a UNIX socket takes " + MAX_PATH_BYTES);
      }
    }

    @Override
    public String toString() {
      return "unix:" + path;
    }
  }

  /**
   * Reads a URL.
   *
   * @throws IllegalArgumentException with one sentence for the user if it is not one
   */
  static MigrationUrl parse(String text) {
    try {
      if (text.startsWith("tcp:")) {
        return tcp(text.substring("tcp:".length()));
      }
      if (text.startsWith("unix:")) {
        return new Unix(Path.of(text.substring("unix:".length())));
      }
    } catch (InvalidPathException e) {
      throw invalid(text, "the path is not valid", e);
    } catch (IllegalArgumentException e) {
      throw invalid(text, String.valueOf(e.getMessage()), e);
    }
    throw invalid(text, "it must begin with tcp: or unix:", null);
  }

  private static IllegalArgumentException invalid(
      String text, String why, @Nullable IllegalArgumentException cause) {
    return new IllegalArgumentException(
        "Migration URL '"
            + text
            + "' is not valid: "
            + why
            + ". Write tcp:HOST:PORT, tcp:[IPV6]:PORT or unix:/PATH.",
        cause);
  }

  private static Tcp tcp(String address) {
    if (address.startsWith("[")) {
      int close = address.indexOf(']');
      if (close < 0) {
        throw new IllegalArgumentException("the closing ] is missing");
      }
      if (!address.startsWith(":", close + 1)) {
        throw new IllegalArgumentException("the port is missing");
      }
      return new Tcp(address.substring(1, close), port(address.substring(close + 2)));
    }
    int colon = address.indexOf(':');
    if (colon < 0) {
      throw new IllegalArgumentException("the port is missing");
    }
    if (address.indexOf(':', colon + 1) >= 0) {
      throw new IllegalArgumentException("an IPv6 address must stand in brackets");
    }
    return new Tcp(address.substring(0, colon), port(address.substring(colon + 1)));
  }

  private static int port(String text) {
    boolean digits = !text.isEmpty() && text.length() <= 5;
    for (int i = 0; i < text.length(); i++) {
      digits &= text.charAt(i) >= '0' && text.charAt(i) <= '9';
    }
    if (!digits) {
      throw new IllegalArgumentException(
          text.isEmpty() ? "the port is missing" : "port '" + text + "' is not a port number");
    }
    return Integer.parseInt(text);
  }
}
