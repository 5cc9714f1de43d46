package io.vmferry.actors.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.vmferry.actors.guest.MemoryFill;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class GuestSourceTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Test
  void keepsAKernelThroughJson() throws JsonProcessingException {
    GuestSource.Kernel kernel =
        new GuestSource.Kernel(Path.of("/k/vmlinux"), Path.of("disk"), "console=ttyS0");
    GuestSource.Kernel bare = new GuestSource.Kernel(Path.of("vmlinux"), null, null);

    assertEquals(kernel, JSON.readValue(JSON.writeValueAsString(kernel), GuestSource.class));
    assertEquals(bare, JSON.readValue(JSON.writeValueAsString(bare), GuestSource.class));
    assertEquals("/k/vmlinux", JSON.valueToTree(kernel).path("kernel").asText());
  }

  @Test
  void keepsAnIdleGuestThroughJson() throws JsonProcessingException {
    GuestSource.Idle filled = new GuestSource.Idle(MemoryFill.ZERO90);

    assertEquals(filled, JSON.readValue(JSON.writeValueAsString(filled), GuestSource.class));
    assertEquals(
        GuestSource.Idle.empty(), JSON.readValue("{\"kind\":\"idle\"}", GuestSource.class));
    assertEquals("{\"kind\":\"idle\"}", JSON.writeValueAsString(GuestSource.Idle.empty()));
  }

  @Test
  void leavesDirectoriesBehind() {
    GuestSource.Kernel kernel =
        new GuestSource.Kernel(Path.of("/k/vmlinux"), Path.of("/k/disk"), "quiet");

    GuestSource.Kernel expected =
        new GuestSource.Kernel(Path.of("vmlinux"), Path.of("disk"), "quiet");
    assertEquals(expected, kernel.withoutDirectories());
  }
}
