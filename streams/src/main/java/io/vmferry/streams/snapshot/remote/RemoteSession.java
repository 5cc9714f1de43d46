package io.vmferry.streams.snapshot.remote;

import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * Something that a remote store keeps for its client while that says now and then that it lives.
 */
final class RemoteSession implements AutoCloseable {
  // Several may be lost with the link before the store gives up.
  private static final long RENEW_SECONDS = StoreProtocol.SESSION.toSeconds() / 10;

  private final StoreHttp http;
  private final String path;
  private final ScheduledExecutorService renewals =
      Executors.newSingleThreadScheduledExecutor(RemoteSession::daemon);

  private final ScheduledFuture<?> renewal;

  private RemoteSession(StoreHttp http, String path) {
    this.http = http;
    this.path = path;
    this.renewal =
        renewals.scheduleWithFixedDelay(
            this::renew, RENEW_SECONDS, RENEW_SECONDS, TimeUnit.SECONDS);
  }

  /**
   * Begins.
   *
   * @param path what it is, with an identifier that the client has made up: a second request to
   *     begin is the same session
   * @param name of the snapshot that it is about
   */
  static RemoteSession begin(StoreHttp http, String path, String name) throws IOException {
    byte[] about = StoreHttp.JSON.writeValueAsBytes(new StoreProtocol.Session(name));
    http.bytes(http.request("PUT", path, BodyPublishers.ofByteArray(about)), 0);
    return new RemoteSession(http, path);
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "store-session");
    thread.setDaemon(true);
    return thread;
  }

  private void renew() {
    try {
      http.once(http.request("POST", path));
    } catch (IOException e) {
      // Whoever needs the session hears of it with the next request.
    }
  }

  @Override
  public void close() {
    renewal.cancel(true);
    renewals.shutdownNow();
    try {
      http.once(http.request("DELETE", path));
    } catch (IOException e) {
      // It ends by itself.
    }
  }
}
