package io.vmferry.actors.machine;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vmferry.actors.device.Serial16550State;
import io.vmferry.kvm.VcpuState;
import io.vmferry.kvm.VmState;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * The state of a paused machine without its memory: what the State command carries.
 *
 * <p>JSON, an object {@code {"vmferry": {"version": 1, "vcpus": [{part: base64}...], "vm": {part:
 * base64}, "devices": {"serial": {...}}}}}; the parts are the kernel's structures, byte for byte.
 * Source: docs/protocol.md#state-payload.
 *
 * @param vcpus by vCPU index
 * @param vm interrupt controllers, timer and clock
 * @param serial the serial port
 */
public record MachineState(List<VcpuState> vcpus, VmState vm, Serial16550State serial) {
  /** The version this program writes, and the only one it reads. */
  public static final int VERSION = 1;

  // A node costs some 50 bytes of heap; 64 vCPUs have some thousand tokens.
  private static final int MAX_TOKENS = 1_000_000;

  private static final ObjectMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxTokenCount(MAX_TOKENS).build())
                  .build())
          .build();

  /** Copies the list. */
  public MachineState {
    vcpus = List.copyOf(vcpus);
  }

  /** The state as it travels. */
  public ByteString json() {
    ObjectNode root = JSON.createObjectNode();
    ObjectNode own = root.putObject("vmferry");
    own.put("version", VERSION);
    ArrayNode cpus = own.putArray("vcpus");
    vcpus.forEach(vcpu -> putParts(cpus.addObject(), vcpu.parts()));
    putParts(own.putObject("vm"), vm.parts());
    own.putObject("devices").set("serial", JSON.valueToTree(serial));
    try {
      return ByteString.fromArrayUnsafe(JSON.writeValueAsBytes(root));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree of texts and numbers can always be written", e);
    }
  }

  /**
   * Reads a state.
   *
   * @throws IOException with one sentence for the user if it is no state, of another version, or
   *     made by another program
   */
  public static MachineState parse(ByteString json) throws IOException {
    JsonNode own;
    try {
      own = JSON.readTree(json.toArrayUnsafe()).path("vmferry");
    } catch (JsonProcessingException e) {
      throw new IOException("The machine state is not JSON.", e);
    }
    if (!own.isObject()) {
      throw new IOException(
          "The machine state was not written by vmferry; a guest of another VMM cannot run here.");
    }
    int version = own.path("version").asInt(-1);
    if (version != VERSION) {
      throw new IOException(
          "The machine state has version "
              + (version < 0 ? "none" : version)
              + ", and this program reads version "
              + VERSION
              + "; run the same vmferry on both hosts.");
    }
    try {
      List<VcpuState> vcpus = new ArrayList<>();
      for (JsonNode vcpu : array(own.path("vcpus"))) {
        vcpus.add(VcpuState.of(parts(vcpu)));
      }
      return new MachineState(
          vcpus,
          VmState.of(parts(own.path("vm"))),
          present(JSON.treeToValue(own.path("devices").path("serial"), Serial16550State.class)));
    } catch (JsonProcessingException | IllegalArgumentException e) {
      throw new IOException("The machine state is damaged: " + e.getMessage(), e);
    }
  }

  private static JsonNode array(JsonNode vcpus) {
    if (!vcpus.isArray()) {
      throw new IllegalArgumentException("its vCPUs are no array");
    }
    return vcpus;
  }

  /** Jackson makes null of null. */
  private static Serial16550State present(@Nullable Serial16550State serial) {
    if (serial == null) {
      throw new IllegalArgumentException("it has no serial port");
    }
    return serial;
  }

  private static void putParts(ObjectNode node, Map<String, byte[]> parts) {
    parts.forEach(node::put);
  }

  private static Map<String, byte[]> parts(JsonNode node) throws IOException {
    Map<String, byte[]> parts = new TreeMap<>();
    for (Map.Entry<String, JsonNode> field : node.properties()) {
      byte[] part = field.getValue().binaryValue();
      if (part == null) {
        throw new IOException(
            "The machine state is damaged: " + field.getKey() + " is not a text of base64.");
      }
      parts.put(field.getKey(), part);
    }
    return parts;
  }
}
