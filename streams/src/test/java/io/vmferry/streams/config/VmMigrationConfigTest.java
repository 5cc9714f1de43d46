package io.vmferry.streams.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vmferry.kvm.CpuidEntry;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.wire.ProtocolException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.pekko.util.ByteString;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VmMigrationConfigTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final List<GuestRamMapping> TWO_SLOTS =
      List.of(
          new GuestRamMapping(0, 0, 3L << 30, "mem0", false, 0),
          new GuestRamMapping(1, 4L << 30, 1L << 30, "mem0", false, 3L << 30));
  private static final List<CpuidEntry> CPUID =
      List.of(new CpuidEntry(0x8000_0001, 0, 0, -1, 2, 3, 4), new CpuidEntry(7, 1, 1, 0, 0, 0, 9));

  private static VmMigrationConfig parse(String json) throws ProtocolException {
    return VmMigrationConfig.parse(json.getBytes(StandardCharsets.UTF_8));
  }

  private static String mappings(String entries) {
    return "{\"memory_manager_data\": {\"guest_ram_mappings\": [" + entries + "]}}";
  }

  private static VmMigrationConfig ours() {
    ObjectNode machine = JSON.createObjectNode().put("name", "vm1");
    return VmMigrationConfig.create(2, PageSize.MIB_2, TWO_SLOTS, CPUID, machine);
  }

  @Test
  void readsWhatItWrites() throws Exception {
    VmMigrationConfig config = VmMigrationConfig.parse(ours().raw());

    assertEquals(TWO_SLOTS, config.mappings());
    assertEquals(TWO_SLOTS.get(1), config.mapping(1));
    assertNull(config.mapping(2));
    assertEquals(4L << 30, config.memoryBytes());
    assertEquals(2, config.cpus());
    assertEquals(PageSize.MIB_2, config.pageSize());
    assertEquals(CPUID, config.commonCpuid());
    assertTrue(config.isVmferryGuest());
    assertEquals("vm1", config.machine().get("name").asText());
    assertEquals(ours(), config);
  }

  /** The fields and their JSON types, as the structs of the reference declare them. */
  @Test
  void writesEveryFieldThatTheReferenceRequires() throws Exception {
    JsonNode root = JSON.readTree(ours().raw().toArray());

    assertShape(
        root,
        """
        {"vm_config": {"cpus": {"boot_vcpus": "u", "max_vcpus": "u"},
           "memory": {"size": "u", "shared": "b", "hugepages": "b", "hugepage_size": "u"},
           "payload": null},
         "common_cpuid": [{"function": "u", "index": "u", "flags": "u", "eax": "u", "ebx": "u",
           "ecx": "u", "edx": "u"}],
         "memory_manager_data": {
           "memory_ranges": {"data": []},
           "guest_ram_mappings": [{"slot": "u", "gpa": "u", "size": "u", "zone_id": "s",
             "virtio_mem": "b", "file_offset": "u"}],
           "start_of_device_area": "u", "boot_ram": "u", "current_ram": "u",
           "arch_mem_regions": [{"base": "u", "size": "u", "r_type": "s"}],
           "hotplug_slots": [{"base": "u", "length": "u", "active": "b", "inserting": "b",
             "removing": "b"}],
           "next_memory_slot": "u", "selected_slot": "u", "next_hotplug_slot": "u"},
         "vmferry": {"version": "u", "machine": {"name": "s"}}}
        """);
    assertEquals(4_294_967_295L, root.at("/common_cpuid/0/eax").longValue());
    assertEquals(5L << 30, root.at("/memory_manager_data/start_of_device_area").longValue());
    assertEquals(2, root.at("/memory_manager_data/next_memory_slot").intValue());
    assertEquals(
        "18446744073709551615", root.at("/memory_manager_data/arch_mem_regions/1/size").asText());
  }

  private static void assertShape(JsonNode actual, String shape) throws Exception {
    List<String> differences = new ArrayList<>();
    compare("", JSON.readTree(shape), actual, differences);
    assertEquals(List.of(), differences);
  }

  private static void compare(String at, JsonNode shape, JsonNode actual, List<String> found) {
    if (shape.isObject() && actual.isObject()) {
      for (Map.Entry<String, JsonNode> field : shape.properties()) {
        compare(at + '/' + field.getKey(), field.getValue(), actual.path(field.getKey()), found);
      }
      if (shape.size() != actual.size()) {
        found.add(at + " has " + actual.size() + " fields");
      }
    } else if (shape.isArray() && actual.isArray()) {
      for (int i = 0; i < actual.size(); i++) {
        compare(at + '/' + i, shape.path(0), actual.get(i), found);
      }
    } else {
      boolean same =
          switch (shape.isTextual() ? shape.asText() : shape.getNodeType().name()) {
            case "u" -> actual.isIntegralNumber() && actual.bigIntegerValue().signum() >= 0;
            case "b" -> actual.isBoolean();
            case "s" -> actual.isTextual();
            case "NULL" -> actual.isNull();
            default -> false;
          };
      if (!same) {
        found.add(at + " is " + actual);
      }
    }
  }

  @Test
  void keepsTheBytesOfAForeignConfigAndIgnoresWhatItDoesNotKnow() throws Exception {
    String json =
        """
        { "memory_manager_data" : { "guest_ram_mappings" : [
            { "slot" : 7, "gpa" : 0, "size" : 4096, "zone_id" : "z", "virtio_mem" : true,
              "file_offset" : 8192, "new" : [] } ],
          "arch_mem_regions" : [ { "base" : 0, "size" : 18446744073709551615 } ] },
          "vm_config" : { "cpus" : { "boot_vcpus" : 3 } }, "future" : { "x" : 1.5e300 } }
        """;

    VmMigrationConfig config = parse(json);

    assertEquals(ByteString.fromString(json), config.raw());
    assertEquals(List.of(new GuestRamMapping(7, 0, 4096, "z", true, 8192)), config.mappings());
    assertEquals(3, config.cpus());
    assertEquals(PageSize.KIB_4, config.pageSize());
    assertEquals(List.of(), config.commonCpuid());
    assertFalse(config.isVmferryGuest());
    assertTrue(
        assertThrows(ProtocolException.class, config::machine)
            .getMessage()
            .contains("of another VMM"));
  }

  @Test
  void readsTheLeastADaemonMayGet() throws Exception {
    VmMigrationConfig config =
        parse(mappings("{\"slot\":0,\"gpa\":0,\"size\":4096,\"file_offset\":0}"));

    assertEquals(1, config.cpus());
    assertEquals(4096, config.memoryBytes());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "``|one JSON object",
        "nonsense|one JSON object",
        "[]|one JSON object",
        "null|one JSON object",
        "{} {}|one JSON object",
        "{}|guest_ram_mappings as an array",
        "{\"memory_manager_data\": {\"guest_ram_mappings\": 1}}|guest_ram_mappings as an array",
        "{\"memory_manager_data\": {\"guest_ram_mappings\": []}}|1 to 512 memory mappings",
        "{\"vm_config\": 1, \"vm_config\": 2}|Duplicate field 'vm_config'",
      })
  void refusesWhatIsNoConfig(String json, String why) {
    ProtocolException e = assertThrows(ProtocolException.class, () -> parse(json));

    assertTrue(e.getMessage().contains(why), e.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'gpa':0,'size':4096,'file_offset':0}|[0].slot as a whole number",
        "{'slot':-1,'gpa':0,'size':4096,'file_offset':0}|[0].slot as a whole number",
        "{'slot':4294967296,'gpa':0,'size':4096,'file_offset':0}|[0].slot as a whole number",
        "{'slot':4294967295,'gpa':0,'size':4096,'file_offset':0}|slot -1 is negative",
        "{'slot':0,'size':4096,'file_offset':0}|[0].gpa as a whole number",
        "{'slot':0,'gpa':'0','size':4096,'file_offset':0}|[0].gpa as a whole number",
        "{'slot':0,'gpa':0.5,'size':4096,'file_offset':0}|[0].gpa as a whole number",
        "{'slot':0,'gpa':0,'size':18446744073709551615,'file_offset':0}|[0].size as a whole",
        "{'slot':0,'gpa':0,'size':0,'file_offset':0}|outside the address space",
        "{'slot':0,'gpa':9223372036854771712,'size':8192,'file_offset':0}|outside the address",
        "{'slot':0,'gpa':0,'size':4097,'file_offset':0}|whole pages",
        "{'slot':0,'gpa':1,'size':4096,'file_offset':0}|whole pages",
        "{'slot':0,'gpa':0,'size':4096}|[0].file_offset as a whole number",
        "{'slot':0,'gpa':0,'size':4096,'file_offset':0},"
            + "{'slot':0,'gpa':4096,'size':4096,'file_offset':0}|slot 0 twice",
        "{'slot':0,'gpa':0,'size':8192,'file_offset':0},"
            + "{'slot':1,'gpa':4096,'size':4096,'file_offset':0}|slots 0 and 1 overlapping",
      })
  void refusesUnusableMappings(String entries, String why) {
    String json = mappings(entries.replace('\'', '"'));

    ProtocolException e = assertThrows(ProtocolException.class, () -> parse(json));

    assertTrue(e.getMessage().contains(why), e.getMessage());
  }

  @Test
  void refusesTooManyMappingsAndTooDeepOrTooManyTokens() {
    StringBuilder many = new StringBuilder();
    for (int i = 0; i < 513; i++) {
      many.append(i == 0 ? "" : ",")
          .append(
              "{\"slot\":%d,\"gpa\":%d,\"size\":4096,\"file_offset\":0}".formatted(i, i * 4096L));
    }

    assertThrows(ProtocolException.class, () -> parse(mappings(many.toString())));
    assertThrows(ProtocolException.class, () -> parse("{\"x\":" + "[".repeat(100_000)));
    assertThrows(ProtocolException.class, () -> parse("{\"x\":[" + "1,".repeat(1_100_000) + "1]}"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'version':2,'machine':{}}|vmferry's version 1 but got version 2",
        "{'machine':{}}|vmferry.version as a whole number",
        "{'version':1}|vmferry.machine as an object",
        "3|vmferry.version",
      })
  void refusesAnotherVersionOfOurOwnPart(String own, String why) throws Exception {
    ObjectNode root = (ObjectNode) JSON.readTree(ours().raw().toArray());
    root.set("vmferry", JSON.readTree(own.replace('\'', '"')));
    VmMigrationConfig config = VmMigrationConfig.parse(JSON.writeValueAsBytes(root));

    ProtocolException e = assertThrows(ProtocolException.class, config::machine);

    assertTrue(e.getMessage().contains(why), e.getMessage());
  }

  @Test
  void refusesCpuidAndPageSizesThatCannotBe() throws Exception {
    String memory =
        mappings("{\"slot\":0,\"gpa\":0,\"size\":4096,\"file_offset\":0}")
            .replaceFirst(
                "\\{",
                "{\"common_cpuid\": [{\"function\": 4294967296}], \"vm_config\": {\"memory\":"
                    + " {\"hugepages\": true, \"hugepage_size\": 12288}},");
    VmMigrationConfig config = parse(memory);

    assertThrows(ProtocolException.class, config::commonCpuid);
    assertThrows(ProtocolException.class, config::pageSize);
  }

  @Test
  void handsOutCopiesOnly() throws Exception {
    VmMigrationConfig config = ours();

    ((ObjectNode) config.machine()).put("name", "changed");

    assertEquals("vm1", config.machine().get("name").asText());
    assertNotEquals(config.machine(), JSON.createObjectNode());
  }

  @Test
  void refusesToWriteGuestsThatCannotBe() {
    ObjectNode machine = JSON.createObjectNode();
    assertThrows(
        IllegalArgumentException.class,
        () -> VmMigrationConfig.create(0, PageSize.KIB_4, TWO_SLOTS, CPUID, machine));
    assertThrows(
        IllegalArgumentException.class,
        () -> VmMigrationConfig.create(1, PageSize.KIB_4, List.of(), CPUID, machine));
    assertThrows(
        IllegalArgumentException.class,
        () ->
            VmMigrationConfig.create(
                1, PageSize.KIB_4, List.of(TWO_SLOTS.get(0), TWO_SLOTS.get(0)), CPUID, machine));
  }
}
