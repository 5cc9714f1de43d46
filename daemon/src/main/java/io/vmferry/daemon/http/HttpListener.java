package io.vmferry.daemon.http;

import io.vmferry.streams.transport.TlsIdentity;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.http.javadsl.ConnectionContext;
import org.apache.pekko.http.javadsl.Http;
import org.apache.pekko.http.javadsl.ServerBinding;
import org.apache.pekko.http.javadsl.ServerBuilder;
import org.apache.pekko.stream.javadsl.BidiFlow;

/** Serves a node's routes on a port. */
public final class HttpListener {
  // Source: JSSE Reference Guide, SSLSession: what a session is before its handshake has ended.
  private static final String NOT_AGREED = "SSL_NULL_WITH_NULL_NULL";

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
              ConnectionContext.httpsServer(() -> engine(system, tls.get(), policy)));
    }
    return server
        .adaptSettings(settings -> settings.withRemoteAddressAttribute(true))
        .bindFlow(
            BidiFlow.fromGraph(new RequestWatch(policy.limits().requestTime()))
                .join(Routes.of(node, policy).flow(system)));
  }

  private static SSLEngine engine(ActorSystem<?> system, TlsIdentity tls, HttpPolicy policy) {
    SSLEngine engine = policy.clientCertificates() ? tls.engine() : tls.engineForAnyone();
    system
        .scheduler()
        .scheduleOnce(
            policy.limits().requestTime(), () -> endHandshake(engine), system.executionContext());
    return engine;
  }

  /**
   * Gives up a handshake that has not ended. Pekko's TLS stage waits for it whatever is closed
   * above it; a closed engine fails at the next byte.
   */
  private static void endHandshake(SSLEngine engine) {
    if (engine.getSession().getCipherSuite().equals(NOT_AGREED)) {
      engine.closeOutbound();
      try {
        engine.closeInbound();
      } catch (SSLException e) {
        // That the peer has not said goodbye is known.
      }
    }
  }
}
