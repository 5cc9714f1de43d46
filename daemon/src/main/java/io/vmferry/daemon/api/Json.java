package io.vmferry.daemon.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;

/**
 * The JSON mappers of the routes and the client. Absent means {@code null} both ways.
 *
 * <p>A node reads strictly (a misspelt field is the caller's error); a client reads leniently, so
 * that an older client works with a newer node.
 */
public final class Json {
  /** For a node: unknown, missing or null primitive fields are errors. */
  public static final ObjectMapper STRICT =
      JsonMapper.builder()
          .serializationInclusion(JsonInclude.Include.NON_NULL)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  /** For a client: unknown fields are ignored. */
  public static final ObjectMapper LENIENT =
      JsonMapper.builder()
          .serializationInclusion(JsonInclude.Include.NON_NULL)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  private Json() {}
}
