package io.vmferry.daemon.http;

import io.vmferry.streams.transport.TlsIdentity;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.http.javadsl.ConnectionContext;
import org.apache.pekko.http.javadsl.Http;
import org.apache.pekko.http.javadsl.ServerBinding;
import org.apache.pekko.http.javadsl.ServerBuilder;

/** Serves a node's routes on a port. */
public final class HttpListener {
  private HttpListener() {}

  /**
   * Listens.
   *
   * @param port 0 for a free one
   * @return fails with {@link java.net.BindException} as a cause if it cannot
   */
  public static CompletionStage<ServerBinding> bind(
      ActorSystem<?> system, String host, int port, NodeApi node, HttpPolicy policy) {
    ServerBuilder server = Http.get(system).newServerAt(host, port);
    Supplier<TlsIdentity> tls = policy.tls();
    if (tls != null) {
      server =
          server.enableHttps(
              ConnectionContext.httpsServer(
                  () ->
                      policy.clientCertificates()
                          ? tls.get().engine()
                          : tls.get().engineForAnyone()));
    }
    return server.bind(Routes.of(node, policy));
  }
}
