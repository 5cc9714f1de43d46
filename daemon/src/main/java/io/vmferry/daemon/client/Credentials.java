package io.vmferry.daemon.client;

import io.vmferry.daemon.access.BearerToken;
import io.vmferry.streams.transport.TlsIdentity;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;

/**
 * What a command shows the nodes that it asks, and which nodes it believes.
 *
 * @param token for the header of every request; null for none
 * @param tls which authority vouches for nodes, and who this host is to them; null for the JDK's
 *     authorities and nobody
 */
public record Credentials(@Nullable BearerToken token, @Nullable TlsIdentity tls) {
  /** Of a command that has none. */
  public static final Credentials NONE = new Credentials(null, null);

  /** Whether they may be shown at a URL: a token does not leave this host in the clear. */
  boolean mayGoTo(URI node) {
    return token == null || isEncrypted(node) || isLoopback(node);
  }

  static boolean isEncrypted(URI node) {
    return "https".equalsIgnoreCase(node.getScheme());
  }

  private static boolean isLoopback(URI node) {
    try {
      return InetAddress.getByName(node.getHost()).isLoopbackAddress();
    } catch (UnknownHostException e) {
      return false;
    }
  }
}
