package io.vmferry.daemon.cli;

import io.vmferry.daemon.store.StoreServer;
import io.vmferry.streams.snapshot.store.LocalStore;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.TlsIdentity;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code vmferry offload serve-store}. */
@Command(
    name = "serve-store",
    description = {
      "Serves a chunk store to other hosts.",
      "They name it --store tcp:HOST:PORT. Runs until it is ended. Both sides show a certificate",
      "of the same authority; this one never sees a key."
    })
final class OffloadServeStoreCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = "--store",
      paramLabel = "DIR",
      required = true,
      description = "The store's directory; made if it does not exist.")
  private Path store = Path.of("");

  @Option(
      names = "--listen",
      paramLabel = "HOST:PORT",
      required = true,
      description = "Where to; port 0 for a free port.")
  private String listen = "";

  @Option(
      names = "--tls-dir",
      paramLabel = "DIR",
      required = true,
      description = "With ca-cert.pem, server-cert.pem and server-key.pem.")
  private Path tlsDir = Path.of("");

  OffloadServeStoreCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws InterruptedException {
    try (LocalStore open = LocalStore.openOrCreate(store);
        StoreServer server =
            StoreServer.start(
                open,
                (MigrationUrl.Tcp) MigrationUrl.parse("tcp:" + listen),
                TlsIdentity.load(tlsDir, TlsIdentity.Side.SERVER))) {
      InterruptHook interrupt = InterruptHook.register("close-store", server::close);
      try {
        console.out().println("Store " + store + " is served at " + server.address());
        console.out().flush();
        server.awaitEnd();
        interrupt.yieldIfInterrupted();
        return ExitCodes.OK;
      } finally {
        interrupt.close();
      }
    } catch (IOException | IllegalArgumentException e) {
      throw CommandFailure.of(e);
    }
  }
}
