package io.vmferry.streams.transfer;

import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Connector;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.time.Duration;

/** Two ends of one real connection. */
record Pair(Connection source, Connection destination) implements AutoCloseable {

  static Pair tcp() throws IOException {
    return open(MigrationUrl.parse("tcp:127.0.0.1:0"));
  }

  /** Both ends send at once, as the sessions set fault connections. */
  static Pair fault() throws IOException {
    Pair pair = tcp();
    pair.source.noDelay(true);
    pair.destination.noDelay(true);
    return pair;
  }

  static Pair open(MigrationUrl url) throws IOException {
    try (Listener listener = Listener.bind(url)) {
      Connection source = Connector.connect(listener.url(), Duration.ofSeconds(10));
      return new Pair(source, listener.accept());
    }
  }

  @Override
  public void close() {
    source.close();
    destination.close();
  }
}
