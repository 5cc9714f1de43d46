package io.vmferry.actors.migration;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Connector;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.PeerStalledException;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.stream.Materializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How many connections a migration has. */
@Timeout(60)
class ReceptionLimitsIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final Duration SHORT = Duration.ofMillis(200);

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @Test
  void whoComesAfterTheLastOneIsDropped() throws Exception {
    Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"));
    List<Connection> all = new ArrayList<>();
    try (Reception reception =
        Reception.ofVersion0(listener, new Unheard(), Materializer.matFromSystem(KIT.system()))) {
      reception.accept();
      for (int i = 0; i <= WireLimits.CONNECTIONS; i++) {
        all.add(connect(listener));
      }

      try (Connection oneMore = connect(listener)) {
        assertFalse(oneMore.readFullyOrEof(ByteBuffer.allocate(1)), "it is not dropped");
      }
      // The last that has room waits for its role to be said.
      Connection last = all.get(WireLimits.CONNECTIONS);
      last.setReadTimeout(SHORT);
      assertThrows(PeerStalledException.class, () -> last.readFullyOrEof(ByteBuffer.allocate(1)));
    } finally {
      all.forEach(Connection::close);
    }
  }

  private static Connection connect(Listener listener) throws IOException {
    return Connector.connect(listener.url(), Duration.ofSeconds(10));
  }
}
