package io.vmferry.actors.vm;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.databind.annotation.JsonSerialize;
import com.fasterxml.jackson.databind.ser.std.ToStringSerializer;
import io.vmferry.actors.guest.MemoryFill;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** What a new virtual machine boots. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
@JsonSubTypes({
  @JsonSubTypes.Type(value = GuestSource.Standard.class, name = "standard"),
  @JsonSubTypes.Type(value = GuestSource.Idle.class, name = "idle"),
  @JsonSubTypes.Type(value = GuestSource.Kernel.class, name = "kernel")
})
public sealed interface GuestSource {

  /**
   * The self-verifying memory workload.
   *
   * @param workingSetBytes memory it rewrites again and again, a multiple of 4 KiB
   * @param dirtyBytesPerSecond how fast it dirties memory over all vCPUs; 0 is as fast as it can
   */
  record Standard(long workingSetBytes, long dirtyBytesPerSecond) implements GuestSource {}

  /**
   * A guest that halts and wakes for a slow timer.
   *
   * @param fill what the host writes into its memory before it boots, or null for nothing
   */
  record Idle(@JsonInclude(JsonInclude.Include.NON_NULL) @Nullable MemoryFill fill)
      implements GuestSource {
    /** An idle guest in empty memory. */
    public static Idle empty() {
      return new Idle(null);
    }
  }

  /**
   * A Linux kernel, or another that boots like one.
   *
   * @param kernel ELF or bzImage file, read once at boot on the host that boots it
   * @param initrd initial RAM disk, or null
   * @param cmdline kernel command line, or null for an empty one
   */
  record Kernel(
      @JsonSerialize(using = ToStringSerializer.class) Path kernel,
      @JsonSerialize(using = ToStringSerializer.class) @Nullable Path initrd,
      @Nullable String cmdline)
      implements GuestSource {

    /**
     * Checks that there is a kernel.
     *
     * @throws IllegalArgumentException with one sentence for the user if there is none
     */
    public Kernel {
      if (kernel == null || kernel.getFileName() == null) {
        throw new IllegalArgumentException("A guest of this kind needs the file of its kernel");
      }
    }

    /** The same with bare file names: a host that the guest goes to has no use for the rest. */
    Kernel withoutDirectories() {
      return new Kernel(
          kernel.getFileName(), initrd == null ? null : initrd.getFileName(), cmdline);
    }
  }
}
