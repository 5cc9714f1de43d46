package io.vmferry.streams.snapshot.remote;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.vmferry.streams.sandbox.Outside;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.TlsIdentity;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;

/**
 * Requests to a remote store, made again until the link is back. Every one of them may come twice:
 * the second time changes nothing.
 *
 * <p>Thread-safe.
 */
final class StoreHttp {
  static final ObjectMapper JSON =
      JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
  // A commit waits for the store's disk.
  private static final Duration ANSWER_TIMEOUT = Duration.ofMinutes(5);
  private static final long FIRST_PAUSE_MILLIS = 100;
  private static final long LONGEST_PAUSE_MILLIS = 5_000;
  private static final int REFUSAL_BYTES = 64 << 10;

  private final MigrationUrl.Tcp url;
  private final HttpClient client;
  private final Duration patience;

  /**
   * A client.
   *
   * @param patience how long a store may be out of reach before a request fails
   */
  StoreHttp(MigrationUrl.Tcp url, TlsIdentity identity, Duration patience) {
    this.url = url;
    this.patience = patience;
    this.client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(CONNECT_TIMEOUT)
            .sslContext(identity.context())
            .sslParameters(identity.engine(url.host(), url.port()).getSSLParameters())
            .build();
  }

  /** A request to send. */
  HttpRequest request(String method, String path, BodyPublisher body) {
    String host = url.host().contains(":") ? "[" + url.host() + "]" : url.host();
    String address =
        "https://"
            + host
            + ":"
            + url.port()
            + "/"
            + StoreProtocol.ROOT
            + "/"
            + StoreProtocol.VERSION
            + path;
    return HttpRequest.newBuilder(URI.create(address))
        .timeout(ANSWER_TIMEOUT)
        .method(method, body)
        .build();
  }

  /** A request with what is left of a buffer as its body; the buffer's position stays. */
  HttpRequest request(String method, String path, ByteBuffer body) {
    byte[] bytes = new byte[body.remaining()];
    body.duplicate().get(bytes);
    return request(method, path, BodyPublishers.ofByteArray(bytes));
  }

  /** A request without a body. */
  HttpRequest request(String method, String path) {
    return request(method, path, BodyPublishers.noBody());
  }

  /** Sends, and reads a JSON answer. */
  <T> T json(HttpRequest request, Class<T> type) throws IOException {
    return JSON.readValue(bytes(request, REFUSAL_BYTES << 4), type);
  }

  /**
   * Sends.
   *
   * @param most bytes that the answer may have
   * @throws SnapshotException if the store refuses, or is out of reach for too long
   */
  byte[] bytes(HttpRequest request, int most) throws IOException {
    return bytes(request, most, patience);
  }

  /** Sends once, for what may as well fail. */
  void once(HttpRequest request) throws IOException {
    bytes(request, 0, Duration.ZERO);
  }

  private byte[] bytes(HttpRequest request, int most, Duration patience) throws IOException {
    long deadline = System.nanoTime() + patience.toNanos();
    long pause = FIRST_PAUSE_MILLIS;
    while (true) {
      try {
        // On a fenced thread too: the client starts threads as it needs them.
        return Outside.call(() -> once(request, most));
      } catch (SnapshotException | InterruptedIOException e) {
        throw e;
      } catch (IOException e) {
        if (isDistrust(e)) {
          throw new SnapshotException(
              "Store " + url + " and this host do not trust each other: " + e.getMessage() + ".",
              e);
        }
        if (System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(pause) > deadline) {
          throw new SnapshotException("Store " + url + " cannot be reached.", e);
        }
      }
      await(pause);
      pause = Math.min(LONGEST_PAUSE_MILLIS, 2 * pause);
    }
  }

  /** Of this side in the handshake; of the other, with TLS 1.3, in an alert behind it. */
  private static boolean isDistrust(IOException failure) {
    return failure instanceof SSLHandshakeException
        || (failure instanceof SSLException && String.valueOf(failure).contains("certificate"));
  }

  private byte[] once(HttpRequest request, int most) throws IOException {
    HttpResponse<InputStream> response;
    try {
      response = client.send(request, BodyHandlers.ofInputStream());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a store was asked");
    }
    try (InputStream in = response.body()) {
      if (response.statusCode() / 100 != 2) {
        throw refusal(response.statusCode(), in.readNBytes(REFUSAL_BYTES));
      }
      byte[] body = in.readNBytes(most);
      if (in.read() >= 0) {
        throw new SnapshotException("Store " + url + " answers with more than it may.");
      }
      return body;
    }
  }

  /** What is not the store's own word comes of a link that was cut, or of what stands between. */
  private IOException refusal(int status, byte[] body) {
    try {
      String message = JSON.readValue(body, StoreProtocol.Refusal.class).message();
      if (message != null) {
        return new SnapshotException(message);
      }
    } catch (IOException e) {
      // Said below.
    }
    return new IOException("HTTP status " + status + " of " + url);
  }

  private static void await(long millis) throws InterruptedIOException {
    try {
      TimeUnit.MILLISECONDS.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a store was out of reach");
    }
  }
}
