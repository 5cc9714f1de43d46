package io.vmferry.daemon.http;

import io.vmferry.daemon.api.Problem;
import java.time.Duration;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeoutException;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.RequestEntity;
import org.apache.pekko.http.scaladsl.model.EntityStreamSizeException;
import org.apache.pekko.stream.Materializer;

/** Reads the bodies of requests, which may be as long and take as long as the limits say. */
final class Bodies {
  private static final Problem TOO_LONG =
      Problem.of(
          "TOO_LONG",
          "The body is longer than any that a route takes",
          "Send a small JSON document");

  private Bodies() {}

  /**
   * Reads one.
   *
   * @return fails with {@link ProblemException} if it is too long, comes too slowly or breaks off
   */
  static CompletionStage<String> read(
      RequestEntity body, Duration limit, Materializer materializer) {
    return body.toStrict(limit.toMillis(), materializer)
        .handle(
            (whole, failure) -> {
              if (failure != null) {
                throw refusal(failure, limit);
              }
              return whole.getData().utf8String();
            });
  }

  private static ProblemException refusal(Throwable failure, Duration limit) {
    Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
    if (cause instanceof EntityStreamSizeException) {
      return new ProblemException(413, TOO_LONG);
    }
    if (cause instanceof TimeoutException) {
      return new ProblemException(
          408,
          Problem.of("TOO_SLOW", "The body did not come within " + limit.toSeconds() + " s", null));
    }
    return Answers.badRequest("The body broke off");
  }

  static HttpResponse tooLong() {
    return Answers.json(413, TOO_LONG);
  }
}
