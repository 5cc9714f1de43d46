package io.vmferry.daemon.testing;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/** A node that answers what a test told it to, and remembers what it was asked. */
public final class FakeNode implements AutoCloseable {
  /** A request as it came. */
  public record Request(String method, String path, String body, @Nullable String authorization) {}

  private record Answer(int status, String body, CountDownLatch hold) {}

  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Map<String, Answer> answers = new ConcurrentHashMap<>();
  private final BlockingQueue<Request> requests = new LinkedBlockingQueue<>();

  /** Starts it on a free loopback port. */
  public FakeNode() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext("/", this::handle);
    server.start();
  }

  /** Its URL. */
  public URI url() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  /** Answers {@code method path} with a JSON body from now on. */
  public FakeNode answer(String methodAndPath, int status, String body) {
    answers.put(methodAndPath, new Answer(status, body, new CountDownLatch(0)));
    return this;
  }

  /** Sends {@code body}, an event stream, and keeps the connection open until the latch is down. */
  public FakeNode hold(String methodAndPath, String body, CountDownLatch until) {
    answers.put(methodAndPath, new Answer(200, body, until));
    return this;
  }

  /** What it was asked, in order. */
  public BlockingQueue<Request> requests() {
    return requests;
  }

  private void handle(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getRawPath();
    String method = exchange.getRequestMethod();
    String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    requests.add(
        new Request(method, path, body, exchange.getRequestHeaders().getFirst("Authorization")));
    Answer answer = answers.get(method + " " + path);
    if (answer == null) {
      answer =
          new Answer(
              404,
              "{\"code\":\"NO_SUCH_ROUTE\",\"message\":\"The test has no answer to "
                  + method
                  + " "
                  + path
                  + "\"}",
              new CountDownLatch(0));
    }
    byte[] bytes = answer.body().getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(answer.status(), bytes.length == 0 ? -1 : 0);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(bytes);
      out.flush();
      answer.hold().await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
