package io.vmferry.daemon.offload;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.http.javadsl.Http;
import org.apache.pekko.http.javadsl.ServerBinding;
import org.apache.pekko.http.javadsl.model.ContentTypes;
import org.apache.pekko.http.javadsl.model.HttpEntities;
import org.apache.pekko.http.javadsl.server.Directives;
import org.apache.pekko.http.javadsl.server.Route;

/** Serves meters at {@code /metrics} in the text format of Prometheus. */
public final class MetricsEndpoint implements AutoCloseable {
  private static final long WAIT_SECONDS = 10;

  private final ActorSystem system;
  private final ServerBinding binding;

  private MetricsEndpoint(ActorSystem system, ServerBinding binding) {
    this.system = system;
    this.binding = binding;
  }

  /** Meters that an endpoint can serve. */
  public static PrometheusMeterRegistry registry() {
    return new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  }

  /**
   * Listens.
   *
   * @param address on loopback, for it asks nobody who they are; port 0 for a free one
   * @throws IOException with one sentence for the user if it cannot listen there
   * @throws IllegalArgumentException the same, if that is not on loopback
   */
  public static MetricsEndpoint start(MigrationUrl.Tcp address, PrometheusMeterRegistry registry)
      throws IOException {
    requireLoopback(address);
    ActorSystem system = OffloadSystem.create("metrics");
    Route route =
        Directives.path(
            "metrics",
            () ->
                Directives.get(
                    () ->
                        Directives.complete(
                            HttpEntities.create(ContentTypes.TEXT_PLAIN_UTF8, registry.scrape()))));
    try {
      return new MetricsEndpoint(
          system,
          Http.get(system)
              .newServerAt(address.host(), address.port())
              .bind(route)
              .toCompletableFuture()
              .get(WAIT_SECONDS, TimeUnit.SECONDS));
    } catch (ExecutionException | TimeoutException e) {
      system.terminate();
      throw new IOException("Metrics cannot be served at " + address + ".", e);
    } catch (InterruptedException e) {
      system.terminate();
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while metrics began to be served");
    }
  }

  private static void requireLoopback(MigrationUrl.Tcp address) throws IOException {
    try {
      if (InetAddress.getByName(address.host()).isLoopbackAddress()) {
        return;
      }
    } catch (UnknownHostException e) {
      throw new IOException("Metrics cannot be served at " + address + ": no such host.", e);
    }
    throw new IllegalArgumentException(
        "Metrics are told to whoever asks, so only on this host: write 127.0.0.1:"
            + address.port()
            + ", and let a proxy that knows its callers fetch them there");
  }

  /** Where to look. */
  public String url() {
    return "http://"
        + binding.localAddress().getHostString()
        + ":"
        + binding.localAddress().getPort()
        + "/metrics";
  }

  @Override
  public void close() {
    system.terminate();
  }
}
