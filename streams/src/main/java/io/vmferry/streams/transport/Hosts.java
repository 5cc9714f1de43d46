package io.vmferry.streams.transport;

import java.net.InetAddress;
import java.net.UnknownHostException;

/** Name resolution with an error for the user. */
final class Hosts {
  private Hosts() {}

  static InetAddress[] resolve(MigrationUrl.Tcp url) throws PeerUnreachableException {
    try {
      return InetAddress.getAllByName(url.host());
    } catch (UnknownHostException e) {
      throw new PeerUnreachableException(
          "Host '"
              + url.host()
              + "' of "
              + url
              + " is not known; check the name or give an address",
          e);
    }
  }
}
