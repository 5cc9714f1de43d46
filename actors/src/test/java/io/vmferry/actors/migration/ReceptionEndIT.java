package io.vmferry.actors.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Connector;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.WireFormat;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.stream.Materializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a reception leaves that is closed while a command waits for its answer. */
@Timeout(60)
class ReceptionEndIT {
  private static final ActorTestKit KIT = ActorTestKit.create();

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @Test
  void aCommandThatNobodyAnswersHoldsNoThread() throws Exception {
    Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"));
    Silent events = new Silent();
    try (Reception reception =
            Reception.ofVersion0(listener, events, Materializer.matFromSystem(KIT.system()));
        Connection source = Connector.connect(listener.url(), Duration.ofSeconds(10))) {
      reception.accept();
      ByteBuffer start = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES);
      Request.of(Command.START).encode(start);
      source.writeFully(start.flip());
      assertTrue(events.asked.await(10, TimeUnit.SECONDS));
      assertEquals(1, threads().size());
    }
    for (int i = 0; i < 100 && !threads().isEmpty(); i++) {
      TimeUnit.MILLISECONDS.sleep(50);
    }
    assertEquals(List.of(), threads());
  }

  private static List<String> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(name -> name.startsWith("main-tcp"))
        .toList();
  }

  private static final class Silent extends Unheard {
    private final CountDownLatch asked = new CountDownLatch(1);

    @Override
    public void inbound(Inbound event) {
      asked.countDown();
    }
  }
}
