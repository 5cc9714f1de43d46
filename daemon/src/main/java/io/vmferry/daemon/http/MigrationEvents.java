package io.vmferry.daemon.http;

import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ProgressView;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.apache.pekko.NotUsed;
import org.apache.pekko.http.javadsl.model.HttpEntities;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.MediaTypes;
import org.apache.pekko.stream.javadsl.Source;
import org.apache.pekko.util.ByteString;

/**
 * A migration's states as server-sent events: {@code progress}, and one {@code result} at the end.
 */
final class MigrationEvents {
  // A comment now and then keeps proxies and clients from taking a quiet stream for a dead one.
  private static final Duration KEEP_ALIVE = Duration.ofSeconds(10);
  private static final ByteString COMMENT = ByteString.fromString(":\n\n");

  private MigrationEvents() {}

  static HttpResponse stream(Source<MigrationView, NotUsed> states) {
    Source<ByteString, NotUsed> events =
        states.mapConcat(MigrationEvents::event).keepAlive(KEEP_ALIVE, () -> COMMENT);
    return HttpResponse.create()
        .withEntity(HttpEntities.create(MediaTypes.TEXT_EVENT_STREAM.toContentType(), events));
  }

  private static List<ByteString> event(MigrationView view) {
    if (view.isFinal()) {
      return List.of(event("result", Answers.write(view)));
    }
    ProgressView progress = view.progress();
    return progress == null ? List.of() : List.of(event("progress", Answers.write(progress)));
  }

  /** JSON without line breaks is one data line. */
  private static ByteString event(String type, String json) {
    return ByteString.fromString(
        "event: " + type + "\ndata: " + json + "\n\n", StandardCharsets.UTF_8);
  }
}
