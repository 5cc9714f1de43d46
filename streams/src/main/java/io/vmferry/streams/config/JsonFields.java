package io.vmferry.streams.config;

import com.fasterxml.jackson.databind.JsonNode;
import io.vmferry.streams.wire.ProtocolException;
import java.math.BigInteger;

/** Typed reads from a peer's JSON, with errors that name the field. */
final class JsonFields {
  private static final int U32_BITS = 32;

  private JsonFields() {}

  /** A field's value; a missing one reads like null. */
  static JsonNode at(JsonNode object, String name) {
    return object.path(name);
  }

  static JsonNode array(JsonNode object, String name, String path) throws ProtocolException {
    JsonNode value = at(object, name);
    if (!value.isArray()) {
      throw wrong(path, "an array", value);
    }
    return value;
  }

  /** An unsigned number that fits a positive long: addresses and sizes. */
  static long bytes(JsonNode object, String name, String path) throws ProtocolException {
    JsonNode value = at(object, name);
    if (!value.isIntegralNumber() || !value.canConvertToLong() || value.longValue() < 0) {
      throw wrong(path + '.' + name, "a whole number from 0 to 2^63 - 1", value);
    }
    return value.longValue();
  }

  /** A u32, as the int with the same bits. */
  static int u32(JsonNode object, String name, String path) throws ProtocolException {
    JsonNode value = at(object, name);
    BigInteger number =
        value.isIntegralNumber() ? value.bigIntegerValue() : BigInteger.ONE.negate();
    if (number.signum() < 0 || number.bitLength() > U32_BITS) {
      throw wrong(path + '.' + name, "a whole number from 0 to 2^32 - 1", value);
    }
    return number.intValue();
  }

  static ProtocolException wrong(String path, String wanted, JsonNode came) {
    String text = came.toString();
    return new ProtocolException(
        "Config with " + path + " as " + wanted,
        came.isMissingNode() ? "none" : text.length() > 60 ? text.substring(0, 60) + "…" : text);
  }
}
