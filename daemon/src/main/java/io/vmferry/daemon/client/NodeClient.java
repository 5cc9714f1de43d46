package io.vmferry.daemon.client;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.vmferry.daemon.access.BearerToken;
import io.vmferry.daemon.api.ClusterView;
import io.vmferry.daemon.api.ConsoleView;
import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.Json;
import io.vmferry.daemon.api.MigrateRequest;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.Problem;
import io.vmferry.daemon.api.ProgressView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.api.VmList;
import io.vmferry.daemon.api.VmView;
import io.vmferry.streams.transport.TlsIdentity;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.Stream;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * A node's /v1 routes as methods. Thread-safe.
 *
 * <p>Every method throws {@link NodeException} if the node answers with a problem, {@link
 * NodeUnreachableException} if it does not answer, {@link NodeDistrustException} if TLS with it
 * fails, and {@link InterruptedIOException} if the thread is interrupted meanwhile.
 */
public final class NodeClient {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);
  // Creating a VM allocates its memory; 1 TiB of hugepages takes minutes, not hours.
  private static final Duration REQUEST_TIMEOUT = Duration.ofMinutes(5);
  private static final Duration RECONNECT_PAUSE = Duration.ofMillis(200);
  // A node that is gone this long in the middle of a migration is reported, not waited for.
  private static final Duration RECONNECT_LIMIT = Duration.ofSeconds(10);

  private final URI node;
  private final Credentials credentials;
  private final HttpClient http;

  /**
   * @param node the node's URL, {@code http://host:port}, without a path
   */
  public NodeClient(URI node) {
    this(node, Credentials.NONE);
  }

  /**
   * @param node the node's URL, {@code http://host:port} or {@code https://host:port}, without a
   *     path; with https the node's certificate must be for that host
   * @throws IllegalArgumentException with one sentence for the user if the credentials must not be
   *     shown there
   */
  public NodeClient(URI node, Credentials credentials) {
    if (!credentials.mayGoTo(node)) {
      throw new IllegalArgumentException(
          "The token is not sent to "
              + node
              + ", where everybody on the way could read it: write https://, or ask a node on"
              + " this host");
    }
    this.node = node;
    this.credentials = credentials;
    this.http = http(node, credentials.tls());
  }

  private static HttpClient http(URI node, @Nullable TlsIdentity tls) {
    HttpClient.Builder builder =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(CONNECT_TIMEOUT);
    if (tls != null) {
      builder
          .sslContext(tls.context())
          .sslParameters(tls.engine(node.getHost(), node.getPort()).getSSLParameters());
    }
    return builder.build();
  }

  /**
   * A client of another node of the cluster. It shows what this one does, unless that would be less
   * protected on the way.
   */
  public NodeClient of(URI other) {
    boolean asSafe = Credentials.isEncrypted(other) || !Credentials.isEncrypted(node);
    return new NodeClient(
        other, asSafe && credentials.mayGoTo(other) ? credentials : Credentials.NONE);
  }

  /** The node's URL. */
  public URI node() {
    return node;
  }

  /** All VMs of the node. */
  public VmList listVms() throws IOException {
    return get("/v1/vms", VmList.class);
  }

  /** One VM. */
  public VmView vm(String name) throws IOException {
    return get("/v1/vms/" + segment(name), VmView.class);
  }

  /** Makes a VM, which does not run yet. */
  public VmView createVm(CreateVmRequest request) throws IOException {
    return send("POST", "/v1/vms", request, VmView.class);
  }

  /** Starts a created VM. */
  public VmView boot(String name) throws IOException {
    return vmAction(name, "boot");
  }

  /** Stops the vCPUs. */
  public VmView pause(String name) throws IOException {
    return vmAction(name, "pause");
  }

  /** Lets the vCPUs go on. */
  public VmView resume(String name) throws IOException {
    return vmAction(name, "resume");
  }

  /**
   * Lets a guest go on of which nobody knows whether it runs elsewhere.
   *
   * @throws NodeException if that is known
   */
  public VmView takeOver(String name) throws IOException {
    return vmAction(name, "take-over");
  }

  /**
   * Takes a migration of a VM up again that broke after the handover; for its source.
   *
   * @throws NodeException if there is none, or its destination cannot be reached now
   */
  public VmView recover(String name) throws IOException {
    return vmAction(name, "recover");
  }

  /** Ends a VM and gives its memory back. */
  public void deleteVm(String name) throws IOException {
    send("DELETE", "/v1/vms/" + segment(name), null, Void.class);
  }

  /** What the guest wrote to its serial port. */
  public ConsoleView console(String name) throws IOException {
    return get("/v1/vms/" + segment(name) + "/console", ConsoleView.class);
  }

  /** Starts an outgoing migration. */
  public MigrationView sendMigration(String name, SendMigrationRequest request) throws IOException {
    return send(
        "POST", "/v1/vms/" + segment(name) + "/send-migration", request, MigrationView.class);
  }

  /** Starts to listen for an incoming migration. */
  public MigrationView receiveMigration(ReceiveMigrationRequest request) throws IOException {
    return send("POST", "/v1/receive-migrations", request, MigrationView.class);
  }

  /** Asks the orchestrator for a migration. */
  public MigrationView migrate(MigrateRequest request) throws IOException {
    return send("POST", "/v1/migrations", request, MigrationView.class);
  }

  /** One migration. */
  public MigrationView migration(String id) throws IOException {
    return get("/v1/migrations/" + segment(id), MigrationView.class);
  }

  /** Cancels a migration; the answer is its state right now, perhaps not final yet. */
  public MigrationView cancelMigration(String id) throws IOException {
    return send("DELETE", "/v1/migrations/" + segment(id), null, MigrationView.class);
  }

  /** Ends the rounds of a hybrid migration; the answer is its state right now. */
  public MigrationView switchToPostcopy(String id) throws IOException {
    return send("POST", "/v1/migrations/" + segment(id) + "/postcopy", null, MigrationView.class);
  }

  /** The cluster as the node sees it. */
  public ClusterView cluster() throws IOException {
    return get("/v1/cluster", ClusterView.class);
  }

  /** Whether the node says that it is ready; false also if it does not answer. */
  public boolean isReady() throws InterruptedIOException {
    try {
      HttpRequest request = request("/readyz").timeout(CONNECT_TIMEOUT).GET().build();
      return exchange(request, BodyHandlers.ofString()).statusCode() == 200;
    } catch (InterruptedIOException e) {
      throw e;
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * Follows a migration to its end. A broken event stream is opened again, so a network hiccup does
   * not end it.
   *
   * @param onProgress called on this thread for each progress event
   * @return its final state
   */
  public MigrationView follow(String id, Consumer<ProgressView> onProgress) throws IOException {
    long lostAt = 0;
    while (true) {
      try {
        MigrationView result = readEvents(id, onProgress);
        if (result == null) {
          result = migration(id);
        }
        if (result.isFinal()) {
          return result;
        }
        lostAt = 0;
      } catch (NodeUnreachableException e) {
        lostAt = lostAt == 0 ? System.nanoTime() : lostAt;
        if (System.nanoTime() - lostAt > RECONNECT_LIMIT.toNanos()) {
          throw e;
        }
      }
      LockSupport.parkNanos(RECONNECT_PAUSE.toNanos());
    }
  }

  /**
   * Waits until a migration is final.
   *
   * @param limit how long
   * @return its last known state, final or not
   */
  public MigrationView awaitFinal(String id, Duration limit) throws IOException {
    long deadline = System.nanoTime() + limit.toNanos();
    MigrationView view = migration(id);
    while (!view.isFinal() && System.nanoTime() - deadline < 0) {
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
      view = migration(id);
    }
    return view;
  }

  private @Nullable MigrationView readEvents(String id, Consumer<ProgressView> onProgress)
      throws IOException {
    HttpRequest request =
        request("/v1/migrations/" + segment(id) + "/events")
            .header("Accept", "text/event-stream")
            .GET()
            .build();
    HttpResponse<Stream<String>> response = exchange(request, BodyHandlers.ofLines());
    try (Stream<String> lines = response.body()) {
      if (response.statusCode() != 200) {
        throw problem(response.statusCode(), String.join("\n", lines.toList()));
      }
      SseParser parser = new SseParser();
      for (Iterator<String> each = lines.iterator(); each.hasNext(); ) {
        SseParser.Event event = parser.accept(each.next());
        if (event == null) {
          continue;
        }
        if (event.type().equals("progress")) {
          onProgress.accept(read(event.data(), ProgressView.class));
        } else if (event.type().equals("result")) {
          return read(event.data(), MigrationView.class);
        }
      }
      return null;
    } catch (UncheckedIOException e) {
      throw new NodeUnreachableException(node, new IOException("the event stream broke", e));
    }
  }

  private VmView vmAction(String name, String action) throws IOException {
    return send("POST", "/v1/vms/" + segment(name) + "/" + action, null, VmView.class);
  }

  private <T> T get(String path, Class<T> type) throws IOException {
    return send("GET", path, null, type);
  }

  private <T> T send(String method, String path, @Nullable Object body, Class<T> type)
      throws IOException {
    HttpRequest.Builder builder = request(path).timeout(REQUEST_TIMEOUT);
    if (body == null) {
      builder.method(method, BodyPublishers.noBody());
    } else {
      builder
          .header("Content-Type", "application/json")
          .method(method, BodyPublishers.ofString(Json.LENIENT.writeValueAsString(body)));
    }
    HttpResponse<String> response = exchange(builder.build(), BodyHandlers.ofString());
    if (response.statusCode() >= 300) {
      throw problem(response.statusCode(), response.body());
    }
    return read(type == Void.class ? "null" : response.body(), type);
  }

  private HttpRequest.Builder request(String path) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(node.resolve(path)).header("Accept", "application/json");
    BearerToken token = credentials.token();
    return token == null ? request : request.header("Authorization", token.header());
  }

  private <T> HttpResponse<T> exchange(HttpRequest request, BodyHandler<T> handler)
      throws IOException {
    try {
      return http.send(request, handler);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      InterruptedIOException interrupted = new InterruptedIOException("interrupted");
      interrupted.initCause(e);
      throw interrupted;
    } catch (IOException e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        if (cause instanceof SSLException distrust) {
          throw new NodeDistrustException(node, distrust);
        }
      }
      throw new NodeUnreachableException(node, e);
    }
  }

  private NodeException problem(int status, String body) {
    try {
      Problem problem = Json.LENIENT.readValue(body, Problem.class);
      if (problem != null && problem.message() != null && problem.code() != null) {
        return new NodeException(status, problem);
      }
    } catch (JsonProcessingException e) {
      // Something other than a vmferry node answered; said below.
    }
    return new NodeException(
        status,
        Problem.of(
            "NOT_A_NODE",
            "The server at " + node + " answered HTTP " + status + " without an explanation",
            "Check that --node is the management address of a vmferry node"));
  }

  private <T> T read(String json, Class<T> type) throws IOException {
    try {
      return Json.LENIENT.readValue(json, type);
    } catch (JsonProcessingException e) {
      throw new NodeException(
          200,
          Problem.of(
              "NOT_A_NODE",
              "The server at " + node + " answered with something that vmferry cannot read",
              "Check that --node is the management address of a vmferry node"));
    }
  }

  private static String segment(String name) {
    return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
  }
}
