package io.vmferry.daemon.node;

import java.net.InetAddress;
import java.net.UnknownHostException;

/**
 * Where something listens.
 *
 * @param host a name or an address; an IPv6 address without brackets
 * @param port 0 lets the host choose
 */
public record HostPort(String host, int port) {

  /**
   * Reads {@code host:port} or {@code [v6]:port}.
   *
   * @param what names the value in the error
   * @throws NodeFailure with one sentence for the user if it is neither
   */
  static HostPort parse(String what, String text) {
    int colon = text.lastIndexOf(':');
    String host = colon < 0 ? "" : text.substring(0, colon);
    if (host.startsWith("[") && host.endsWith("]")) {
      host = host.substring(1, host.length() - 1);
    } else if (host.contains(":")) {
      host = "";
    }
    try {
      int port = Integer.parseInt(text.substring(colon + 1));
      if (!host.isBlank() && port >= 0 && port < 65536) {
        return new HostPort(host, port);
      }
    } catch (NumberFormatException e) {
      // Reported below, like a port out of range.
    }
    throw NodeFailure.usage(
        what + " is '" + text + "': write host:port, such as 127.0.0.1:8700, port 0 to 65535");
  }

  /**
   * The address of the host.
   *
   * @throws NodeFailure with one sentence for the user if the name has none
   */
  InetAddress address(String what) {
    try {
      return InetAddress.getByName(host);
    } catch (UnknownHostException e) {
      throw NodeFailure.usage(what + " is '" + this + "': no host of that name is known here");
    }
  }

  @Override
  public String toString() {
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + port;
  }
}
