package io.vmferry.streams.transfer;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.PeerStalledException;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Both ends of a heartbeat connection over real sockets. */
@Timeout(60)
class HeartbeatIT {
  private static final Duration TIMEOUT = Duration.ofMillis(400);

  @TempDir private Path directory;
  private final CompletableFuture<IOException> death = new CompletableFuture<>();

  private Pair open(String scheme) throws IOException {
    return Pair.open(
        MigrationUrl.parse(
            scheme.equals("tcp") ? "tcp:127.0.0.1:0" : "unix:" + directory.resolve("beats")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"tcp", "unix"})
  void twoThatLiveHearEachOther(String scheme) throws Exception {
    try (Pair pair = open(scheme)) {
      CompletableFuture<Void> answering = answer(pair);
      Heartbeat beating = Heartbeat.start(pair.source(), TIMEOUT, death::complete);

      assertThrows(
          TimeoutException.class,
          () -> death.get(3 * TIMEOUT.toMillis(), TimeUnit.MILLISECONDS),
          "a destination that answers was taken for dead");
      assertFalse(answering.isDone());
      beating.close();
      answering.get(10, TimeUnit.SECONDS);
      assertFalse(death.isDone(), "its own end is no death");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tcp", "unix"})
  void aSilentDestinationIsDead(String scheme) throws Exception {
    try (Pair pair = open(scheme)) {
      Heartbeat beating = Heartbeat.start(pair.source(), TIMEOUT, death::complete);

      assertInstanceOf(PeerStalledException.class, death.get(10, TimeUnit.SECONDS));
      beating.close();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tcp", "unix"})
  void aSilentSourceIsDead(String scheme) throws Exception {
    try (Pair pair = open(scheme)) {
      CompletableFuture<Void> answering = answer(pair);

      assertInstanceOf(PeerStalledException.class, failure(answering));
    }
  }

  @Test
  void aDestinationThatClosesIsDead() throws Exception {
    try (Pair pair = open("tcp")) {
      pair.destination().close();
      Heartbeat beating = Heartbeat.start(pair.source(), TIMEOUT, death::complete);

      IOException cause = death.get(10, TimeUnit.SECONDS);
      assertFalse(cause instanceof PeerStalledException, cause::toString);
      beating.close();
    }
  }

  @Test
  void onlyAliveMayCome() throws Exception {
    try (Pair pair = open("tcp")) {
      CompletableFuture<Void> answering = answer(pair);
      ByteBuffer frame = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES);
      Request.of(Command.COMPLETE).encode(frame);
      pair.source().writeFully(frame.flip());

      assertInstanceOf(ProtocolException.class, failure(answering));
    }
  }

  private static CompletableFuture<Void> answer(Pair pair) {
    return CompletableFuture.runAsync(
        () -> {
          try {
            Heartbeat.answer(pair.destination(), TIMEOUT);
          } catch (IOException e) {
            throw new CompletionException(e);
          }
        });
  }

  private static Throwable failure(CompletableFuture<Void> answering) {
    return assertThrows(ExecutionException.class, () -> answering.get(10, TimeUnit.SECONDS))
        .getCause();
  }
}
