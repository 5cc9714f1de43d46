package io.vmferry.daemon.http;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import io.vmferry.daemon.api.Json;
import io.vmferry.daemon.api.Problem;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;
import org.apache.pekko.http.javadsl.model.ContentTypes;
import org.apache.pekko.http.javadsl.model.HttpEntities;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes HTTP answers of values and failures. */
final class Answers {
  private static final Logger LOG = LoggerFactory.getLogger(Answers.class);

  private Answers() {}

  static HttpResponse json(int status, Object body) {
    return HttpResponse.create()
        .withStatus(status)
        .withEntity(HttpEntities.create(ContentTypes.APPLICATION_JSON, write(body)));
  }

  static HttpResponse problem(int status, String code, String message, @Nullable String hint) {
    return json(status, Problem.of(code, message, hint));
  }

  static HttpResponse noContent() {
    return HttpResponse.create().withStatus(204);
  }

  /** The answer to a failed stage. */
  static HttpResponse failure(Throwable thrown) {
    Throwable cause = thrown;
    while (cause instanceof CompletionException && cause.getCause() != null) {
      cause = cause.getCause();
    }
    if (cause instanceof ProblemException refused) {
      return json(refused.status(), refused.problem());
    }
    LOG.error("A request failed for a reason that is this program's", cause);
    return problem(
        500, "INTERNAL", "The node failed to carry out the request", "Look at the node's log");
  }

  /** Reads a body; the caller gets a sentence for everything that is wrong with it. */
  static <T> T read(String body, Class<T> type) {
    try {
      T value = Json.STRICT.readValue(body, type);
      if (value != null) {
        return value;
      }
    } catch (JsonProcessingException e) {
      throw badRequest("The body is not what this route takes: " + describe(e));
    }
    throw badRequest("The body is empty");
  }

  /** Jackson's message without its advice to Java programmers, and the place. */
  private static String describe(JsonProcessingException e) {
    if (e instanceof UnrecognizedPropertyException unknown) {
      return "it has no field '" + unknown.getPropertyName() + "'";
    }
    if (e instanceof MismatchedInputException mismatch && !mismatch.getPath().isEmpty()) {
      String fields =
          mismatch.getPath().stream()
              .map(r -> String.valueOf(r.getFieldName()))
              .collect(Collectors.joining("."));
      return "field '" + fields + "' is missing or of another type";
    }
    JsonLocation at = e.getLocation();
    String where =
        at == null ? "" : " (line " + at.getLineNr() + ", column " + at.getColumnNr() + ")";
    return e.getOriginalMessage() + where;
  }

  static ProblemException badRequest(String message) {
    return new ProblemException(400, Problem.of("BAD_REQUEST", message, null));
  }

  static String write(Object body) {
    try {
      return Json.STRICT.writeValueAsString(body);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a body of the node's own types must be writable", e);
    }
  }
}
