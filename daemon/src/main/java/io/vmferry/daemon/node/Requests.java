package io.vmferry.daemon.node;

import io.vmferry.actors.guest.MemoryFill;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.cluster.orchestrator.SendParams;
import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.MigrateRequest;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.compression.Compression;
import io.vmferry.streams.pages.TimeoutStrategy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Bodies of requests as the values the actors take. Each method throws {@link
 * io.vmferry.daemon.http.ProblemException} with one sentence for a value that cannot be used.
 */
final class Requests {
  private static final long DEFAULT_WORKING_SET_BYTES = 64L << 20;
  private static final long PAGE_BYTES = 4096;

  private Requests() {}

  static VmSpec spec(CreateVmRequest request) {
    present("name", request.name());
    GuestConfig guest = present("guest", request.guest());
    present("guest.kind", guest.kind());
    return checked(
        () ->
            new VmSpec(
                request.name(),
                request.cpus(),
                request.memoryBytes(),
                PageSize.parse(Objects.requireNonNullElse(request.pageSize(), "4K")),
                guest(guest, request.memoryBytes())));
  }

  private static GuestSource guest(GuestConfig guest, long memoryBytes) {
    return switch (guest.kind()) {
      case "standard" ->
          new GuestSource.Standard(
              guest.workingSetBytes() == null
                  ? defaultWorkingSet(memoryBytes)
                  : guest.workingSetBytes(),
              guest.dirtyBytesPerSecond() == null ? 0 : guest.dirtyBytesPerSecond());
      case "idle" ->
          guest.fill() == null
              ? GuestSource.Idle.empty()
              : new GuestSource.Idle(MemoryFill.parse(guest.fill()));
      case "kernel" ->
          new GuestSource.Kernel(
              file("guest.kernel", present("guest.kernel", guest.kernel())),
              guest.initrd() == null ? null : file("guest.initrd", guest.initrd()),
              guest.cmdline());
      default ->
          throw Problems.badValue(
              "There is no guest '" + guest.kind() + "': write standard, idle or kernel");
    };
  }

  /** The node's working directory is nothing its users know. */
  private static Path file(String field, String text) {
    Path path = Path.of(text);
    if (!path.isAbsolute()) {
      throw Problems.badValue(
          "The field '" + field + "' takes an absolute path on the node, not '" + text + "'");
    }
    return path;
  }

  private static @Nullable String directory(String field, @Nullable String text) {
    return text == null ? null : file(field, text).toString();
  }

  /** A quarter of a small guest's memory, and no more than a sweep of seconds in the emulator. */
  private static long defaultWorkingSet(long memoryBytes) {
    return Math.min(DEFAULT_WORKING_SET_BYTES, memoryBytes / 4) / PAGE_BYTES * PAGE_BYTES;
  }

  static SendOptions send(SendMigrationRequest request) {
    present("destination_url", request.destinationUrl());
    return checked(
        () ->
            SendOptions.to(
                    request.destinationUrl(),
                    constant(MemoryMode.class, "memory_mode", request.memoryMode()))
                .connections(request.connections())
                .downtime(Duration.ofMillis(request.downtimeMs()))
                .timeout(
                    Duration.ofSeconds(request.timeoutS()),
                    constant(TimeoutStrategy.class, "timeout_strategy", request.timeoutStrategy()))
                .bandwidth(request.bandwidthBytesPerSecond())
                .verify(request.verify())
                .extensions(!Boolean.FALSE.equals(request.extensions()))
                .compression(compression(request.compression()))
                .autoConverge(!Boolean.FALSE.equals(request.autoConverge()))
                .tlsDir(directory("tls_dir", request.tlsDir()))
                .preserveSource(Boolean.TRUE.equals(request.preserveSource()))
                .build());
  }

  static ReceiveOptions receive(ReceiveMigrationRequest request) {
    present("receiver_url", request.receiverUrl());
    return checked(
        () ->
            new ReceiveOptions(
                request.receiverUrl(),
                constant(MemoryMode.class, "memory_mode", request.memoryMode()),
                request.verify(),
                !Boolean.FALSE.equals(request.extensions()),
                request.name(),
                Boolean.TRUE.equals(request.prefault()),
                directory("tls_dir", request.tlsDir())));
  }

  /** The orchestrator checks the numbers. */
  static SendParams migrate(MigrateRequest request) {
    present("vm", request.vm());
    present("to", request.to());
    return new SendParams(
        constant(MemoryMode.class, "mode", request.mode()),
        request.connections(),
        Duration.ofMillis(request.downtimeMs()),
        Duration.ofSeconds(request.timeoutS()),
        constant(TimeoutStrategy.class, "timeout_strategy", request.timeoutStrategy()),
        request.bandwidthBytesPerSecond(),
        request.verify(),
        compression(request.compression()),
        !Boolean.FALSE.equals(request.autoConverge()));
  }

  private static Compression compression(@Nullable String text) {
    return text == null ? Compression.AUTO : constant(Compression.class, "compression", text);
  }

  /** Jackson leaves an absent field null, whatever the record says. */
  private static <T> T present(String field, @Nullable T value) {
    if (value == null) {
      throw Problems.badValue("The body lacks the field '" + field + "'");
    }
    return value;
  }

  private static <T> T checked(Supplier<T> values) {
    try {
      return values.get();
    } catch (IllegalArgumentException e) {
      throw Problems.badValue(Objects.requireNonNullElse(e.getMessage(), e.toString()));
    }
  }

  private static <E extends Enum<E>> E constant(
      Class<E> type, String field, @Nullable String text) {
    List<E> all = Arrays.asList(type.getEnumConstants());
    return all.stream()
        .filter(constant -> Views.word(constant).equals(text))
        .findFirst()
        .orElseThrow(
            () ->
                Problems.badValue(
                    "'"
                        + text
                        + "' is no "
                        + field
                        + ": write "
                        + all.stream().map(Views::word).collect(Collectors.joining(", "))));
  }
}
