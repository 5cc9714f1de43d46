package io.vmferry.streams.testing;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Random;

/** Makes bad JSON of good: values of other types and sizes, fields that lack, are new or double. */
public final class JsonMutator {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final int DEEP = 5_000;

  private final Random random;
  private final Mutator bytes;

  /** A mutator that draws from {@code random}. */
  public JsonMutator(Random random) {
    this.random = random;
    this.bytes = new Mutator(random);
  }

  /** A document with a few changes, mostly still JSON. */
  public byte[] mutate(byte[] good) {
    try {
      JsonNode root = JSON.readTree(good);
      for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
        change(root);
      }
      byte[] bad = JSON.writeValueAsBytes(random.nextInt(50) == 0 ? value() : root);
      return switch (random.nextInt(20)) {
        case 0 -> bytes.mutate(bad);
        case 1 -> bytes.splice(bad, good);
        case 2 -> deep();
        default -> bad;
      };
    } catch (java.io.IOException e) {
      throw new IllegalArgumentException("the document was not good", e);
    }
  }

  private void change(JsonNode root) throws JsonProcessingException {
    List<JsonNode> parents = new ArrayList<>();
    collect(root, parents);
    JsonNode parent = parents.get(random.nextInt(parents.size()));
    if (parent instanceof ObjectNode object && !object.isEmpty()) {
      List<String> names = new ArrayList<>();
      for (Iterator<String> all = object.fieldNames(); all.hasNext(); ) {
        names.add(all.next());
      }
      String name = names.get(random.nextInt(names.size()));
      switch (random.nextInt(6)) {
        case 0 -> object.remove(name);
        case 1 -> object.set(name + "x", object.get(name));
        default -> object.set(name, value());
      }
    } else if (parent instanceof ArrayNode array && !array.isEmpty()) {
      int at = random.nextInt(array.size());
      switch (random.nextInt(4)) {
        case 0 -> array.remove(at);
        case 1 -> array.insert(at, NODES.arrayNode());
        default -> array.set(at, value());
      }
    }
  }

  private static void collect(JsonNode node, List<JsonNode> parents) {
    if (node.isContainerNode()) {
      parents.add(node);
      node.forEach(child -> collect(child, parents));
    }
  }

  private JsonNode value() {
    return switch (random.nextInt(12)) {
      case 0 -> NODES.nullNode();
      case 1 -> NODES.booleanNode(random.nextBoolean());
      case 2 -> NODES.textNode("");
      case 3 -> NODES.textNode("\u0000\u001b[31m\ud800/../%s\n".repeat(1 + random.nextInt(40)));
      case 4 -> NODES.arrayNode();
      case 5 -> NODES.objectNode();
      case 6 -> NODES.numberNode(BigInteger.ONE.shiftLeft(random.nextInt(300)).negate());
      case 7 -> NODES.numberNode(1e300);
      case 8 -> NODES.arrayNode().add(bytes.number()).add("x").addNull();
      default -> NODES.numberNode(bytes.number());
    };
  }

  private byte[] deep() {
    String open = random.nextBoolean() ? "[" : "{\"vm_config\":";
    return open.repeat(DEEP).getBytes(StandardCharsets.UTF_8);
  }
}
