package io.vmferry.daemon.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.api.MigrationView;
import java.time.Duration;
import java.util.List;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.stream.javadsl.Sink;
import org.apache.pekko.stream.javadsl.SinkQueueWithCancel;
import org.apache.pekko.stream.javadsl.Source;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class MigrationBoardTest {
  private static final ActorTestKit KIT = ActorTestKit.create();

  private final MigrationBoard board = new MigrationBoard(2);

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  private static MigrationView view(String id, String state, String url) {
    return new MigrationView(id, "vm", state, null, null, url, null, null, null);
  }

  private MigrationView put(String id, String state, String url) {
    MigrationView view = view(id, state, url);
    return board.update(view, before -> view);
  }

  private static MigrationView next(SinkQueueWithCancel<MigrationView> reader) {
    return reader.pull().toCompletableFuture().join().orElseThrow();
  }

  private SinkQueueWithCancel<MigrationView> read(String id) {
    return board.follow(id).runWith(Sink.queue(), KIT.system());
  }

  @Test
  void keepsTheNewestState() {
    put("m-1", MigrationView.RUNNING, "one");

    put("m-1", MigrationView.RUNNING, "two");

    assertEquals("two", board.find("m-1").url());
    assertNull(board.find("m-2"));
  }

  @Test
  void anEndingIsFinal() {
    put("m-1", MigrationView.FAILED, "end");

    MigrationView view = put("m-1", MigrationView.RUNNING, "late");

    assertEquals("end", view.url());
    assertEquals("end", board.find("m-1").url());
    assertTrue(board.active().isEmpty());
  }

  @Test
  void aReaderSeesTheStateThereIsAndThenEachChangeToTheEnd() {
    put("m-1", MigrationView.RUNNING, "one");
    SinkQueueWithCancel<MigrationView> reader = read("m-1");
    assertEquals("one", next(reader).url());

    put("m-1", MigrationView.RUNNING, "two");
    put("m-1", MigrationView.COMPLETED, "end");

    assertEquals("two", next(reader).url());
    assertEquals("end", next(reader).url());
    assertTrue(reader.pull().toCompletableFuture().join().isEmpty());
  }

  @Test
  void aReaderOfAnEndedMigrationSeesItsEnd() {
    put("m-1", MigrationView.CANCELLED, "end");

    List<MigrationView> seen =
        board.follow("m-1").runWith(Sink.seq(), KIT.system()).toCompletableFuture().join();

    assertEquals(List.of("end"), seen.stream().map(MigrationView::url).toList());
  }

  @Test
  void aReaderOfAnUnknownMigrationSeesNothing() {
    assertTrue(
        board
            .follow("m-9")
            .runWith(Sink.seq(), KIT.system())
            .toCompletableFuture()
            .join()
            .isEmpty());
  }

  @Test
  void aSlowReaderMissesStatesButNotTheEnd() {
    put("m-1", MigrationView.RUNNING, "0");
    SinkQueueWithCancel<MigrationView> reader = read("m-1");
    assertEquals("0", next(reader).url());

    for (int i = 1; i <= 1000; i++) {
      put("m-1", MigrationView.RUNNING, Integer.toString(i));
    }
    put("m-1", MigrationView.COMPLETED, "end");

    List<MigrationView> rest =
        Source.unfold(
                reader,
                queue ->
                    queue
                        .pull()
                        .toCompletableFuture()
                        .join()
                        .map(view -> org.apache.pekko.japi.Pair.create(queue, view)))
            .runWith(Sink.seq(), KIT.system())
            .toCompletableFuture()
            .join();
    assertEquals("end", rest.get(rest.size() - 1).url());
    assertTrue(rest.size() < 1000, () -> "saw " + rest.size());
  }

  @Test
  void forgetsTheOldestOfThoseThatEnded() {
    put("m-0", MigrationView.RUNNING, "still");
    put("m-1", MigrationView.FAILED, "one");
    put("m-2", MigrationView.FAILED, "two");

    put("m-3", MigrationView.FAILED, "three");

    assertNull(board.find("m-1"));
    assertEquals("two", board.find("m-2").url());
    assertEquals("still", board.find("m-0").url());
    assertEquals(List.of("m-0"), board.active().stream().map(MigrationView::id).toList());
  }

  @Test
  void aReaderThatLeavesIsForgotten() {
    put("m-1", MigrationView.RUNNING, "one");
    SinkQueueWithCancel<MigrationView> reader = read("m-1");
    assertEquals("one", next(reader).url());

    reader.cancel();

    KIT.createTestProbe().awaitAssert(Duration.ofSeconds(5), () -> assertReaders(0));
  }

  private Object assertReaders(int count) {
    assertEquals(count, board.readers("m-1"));
    return null;
  }
}
