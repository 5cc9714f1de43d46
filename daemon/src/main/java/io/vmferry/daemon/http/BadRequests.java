package io.vmferry.daemon.http;

import org.apache.pekko.event.LoggingAdapter;
import org.apache.pekko.http.ParsingErrorHandler;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.scaladsl.model.ErrorInfo;
import org.apache.pekko.http.scaladsl.model.StatusCode;
import org.apache.pekko.http.scaladsl.settings.ServerSettings;

/**
 * Answers what cannot be read as a request. Neither the answer nor the log quotes it: there may be
 * a token in it. Named in {@code pekko.http.server.parsing.error-handler}.
 */
public final class BadRequests extends ParsingErrorHandler {
  /** Pekko takes the handler from the field that a Scala object has. */
  @SuppressWarnings("ConstantName")
  public static final BadRequests MODULE$ = new BadRequests();

  private BadRequests() {}

  @Override
  public HttpResponse handle(
      StatusCode status, ErrorInfo error, LoggingAdapter log, ServerSettings settings) {
    int code = status.intValue();
    return switch (code) {
      case 413 -> Bodies.tooLong();
      case 414 -> Answers.problem(code, "URI_TOO_LONG", "The request's URI is too long", null);
      case 431 ->
          Answers.problem(
              code, "HEADERS_TOO_LARGE", "The request's headers are too long or too many", null);
      default ->
          Answers.problem(
              code, "BAD_REQUEST", "This is no HTTP request that the node understands", null);
    };
  }
}
