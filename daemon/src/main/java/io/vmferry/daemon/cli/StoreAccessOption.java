package io.vmferry.daemon.cli;

import io.vmferry.daemon.offload.StoreAccess;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How stores on other hosts are reached. */
final class StoreAccessOption {
  @Option(
      names = "--tls-dir",
      paramLabel = "DIR",
      description =
          "For a store on another host: with ca-cert.pem, client-cert.pem and client-key.pem.")
  private @Nullable Path tlsDir;

  StoreAccess access() {
    return new StoreAccess(tlsDir);
  }
}
