package io.vmferry.daemon.cli;

import io.vmferry.daemon.offload.StoreAccess;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How stores on other hosts are reached, and VMMs by the commands that take a TCP address. */
final class StoreAccessOption {
  @Option(
      names = "--tls-dir",
      paramLabel = "DIR",
      description =
          "For a store or a VMM on another host: with ca-cert.pem, client-cert.pem and"
              + " client-key.pem; with --listen server-cert.pem and server-key.pem, and only a VMM"
              + " with a certificate of that authority is let in.")
  private @Nullable Path tlsDir;

  @Nullable Path tlsDir() {
    return tlsDir;
  }

  StoreAccess access() {
    return new StoreAccess(tlsDir);
  }
}
