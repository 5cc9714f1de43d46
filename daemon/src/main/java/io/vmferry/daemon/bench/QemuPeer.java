package io.vmferry.daemon.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vmferry.actors.guest.MemoryFill;
import io.vmferry.daemon.api.Json;
import io.vmferry.daemon.bench.Network.Side;
import io.vmferry.daemon.bench.RunFigures.ProcessUse;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * QEMU migrating a guest with the same amount and kind of memory, driven over QMP. Its guest never
 * starts ({@code -S}): no firmware writes into the content, and every pass over memory is the
 * first.
 */
final class QemuPeer {
  private static final String BINARY = "qemu-system-x86_64";
  private static final Path SHARED_MEMORY = Path.of("/dev/shm");
  // Inside a namespace nobody else listens.
  private static final int NAMESPACE_PORT = 4444;
  private static final int FILL_BYTES = 1 << 20;
  private static final long LIMIT_NANOS = 900_000_000_000L;
  private static final long START_NANOS = 60_000_000_000L;
  private static final long LOOK_AGAIN_MS = 10;
  // As good as none: 100 GiB/s.
  private static final long NO_LIMIT = 100L << 30;
  private static final long DOWNTIME_MS = 300;

  private final String accelerator;
  private final Path directory;
  private final Network network;
  private final Cleanup cleanup;
  private @Nullable Path content;
  private int started;

  private QemuPeer(String accelerator, Path directory, Network network, Cleanup cleanup) {
    this.accelerator = accelerator;
    this.directory = directory;
    this.network = network;
    this.cleanup = cleanup;
  }

  /** What is to be moved, and how. */
  record Case(long memoryBytes, int connections, boolean warm, boolean postcopy) {}

  /**
   * Looks whether QEMU starts here.
   *
   * @param reasons gets a sentence if it does not, or only without KVM
   * @return null if it does not
   */
  static @Nullable QemuPeer find(
      Path directory, Network network, Cleanup cleanup, List<String> reasons)
      throws IOException, InterruptedException {
    for (String accelerator : List.of("kvm", "tcg")) {
      QemuPeer qemu = new QemuPeer(accelerator, directory, network, cleanup);
      try (Instance instance = qemu.start(Side.SOURCE, qemu.freshMemory(64L << 20, false), null)) {
        instance.qmp().execute("query-version");
        if (!accelerator.equals("kvm")) {
          reasons.add("qemu: runs without KVM, which does not start here");
        }
        return qemu;
      } catch (BenchFailure e) {
        // It has a cause if there is no such program.
        if (e.getCause() != null) {
          reasons.add("qemu: " + BINARY + " is not installed (Debian: qemu-system-x86)");
          return null;
        }
      }
    }
    reasons.add("qemu: it starts neither with KVM nor without");
    return null;
  }

  /** One migration. */
  RunFigures run(Case what) throws IOException, InterruptedException {
    int port = network.isShaped() ? NAMESPACE_PORT : freePort();
    String url = "tcp:" + network.address(Side.DESTINATION) + ":" + port;
    String cold = freshMemory(what.memoryBytes(), what.warm());
    try (Instance to = start(Side.DESTINATION, cold, "defer");
        Instance from = start(Side.SOURCE, filledMemory(what.memoryBytes()), null)) {
      for (Instance instance : List.of(to, from)) {
        configure(instance.qmp(), what);
      }
      to.qmp().execute("migrate-incoming", object().put("uri", url));
      ProcessMeter toMeter = ProcessMeter.start(to.process().pid());
      ProcessMeter fromMeter = ProcessMeter.start(from.process().pid());
      from.qmp().execute("migrate", object().put("uri", url));
      if (what.postcopy()) {
        from.qmp().execute("migrate-start-postcopy");
      }
      JsonNode end = awaitEnd(from.qmp());
      return figures(what, end, fromMeter.stop(), toMeter.stop());
    }
  }

  private static RunFigures figures(
      Case what, JsonNode end, ProcessMeter.Reading from, ProcessMeter.Reading to) {
    double total = end.get("total-time").asDouble();
    return new RunFigures(
        Contender.QEMU,
        what.memoryBytes(),
        total,
        total,
        null,
        end.path("downtime").asDouble(),
        null,
        what.postcopy() ? total : null,
        null,
        end.path("ram").path("transferred").asLong(),
        use(from),
        use(to),
        null,
        null);
  }

  private static ProcessUse use(ProcessMeter.Reading reading) {
    return new ProcessUse(
        reading.cpuSeconds(), reading.peakRssBytes(), null, null, null, null, null);
  }

  private static void configure(QmpClient qmp, Case what) throws IOException {
    boolean multifd = what.connections() > 1;
    ArrayNode capabilities = Json.LENIENT.createArrayNode();
    capabilities.add(object().put("capability", "multifd").put("state", multifd));
    capabilities.add(object().put("capability", "postcopy-ram").put("state", what.postcopy()));
    ObjectNode arguments = object();
    arguments.set("capabilities", capabilities);
    qmp.execute("migrate-set-capabilities", arguments);
    ObjectNode parameters =
        object().put("max-bandwidth", NO_LIMIT).put("downtime-limit", DOWNTIME_MS);
    if (multifd) {
      parameters.put("multifd-channels", what.connections());
    }
    qmp.execute("migrate-set-parameters", parameters);
  }

  private static JsonNode awaitEnd(QmpClient qmp) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + LIMIT_NANOS;
    while (System.nanoTime() - deadline < 0) {
      JsonNode state = qmp.execute("query-migrate");
      switch (state.path("status").asText()) {
        case "completed" -> {
          // It says so a moment before it has added the time up.
          if (state.path("total-time").asLong() > 0) {
            return state;
          }
          Thread.sleep(LOOK_AGAIN_MS);
        }
        case "failed", "cancelled" ->
            throw new BenchFailure(
                "QEMU's migration failed: " + state.path("error-desc").asText("without a reason"));
        default -> Thread.sleep(LOOK_AGAIN_MS);
      }
    }
    throw new BenchFailure("QEMU's migration did not end in time");
  }

  private Instance start(Side side, String memory, @Nullable String incoming)
      throws IOException, InterruptedException {
    Path socket = directory.resolve("qmp" + ++started);
    List<String> line = new ArrayList<>(network.prefix(side));
    line.addAll(List.of(BINARY, "-accel", accelerator, "-machine", "pc,memory-backend=ram"));
    line.addAll(List.of("-nodefaults", "-display", "none", "-S"));
    line.addAll(List.of("-m", memory.replaceAll(".*size=(\\d+).*", "$1") + "B"));
    line.addAll(List.of("-object", memory));
    line.addAll(List.of("-qmp", "unix:" + socket + ",server=on,wait=off"));
    if (incoming != null) {
      line.addAll(List.of("-incoming", incoming));
    }
    PeerProcess process;
    try {
      process = PeerProcess.start("qemu", line, cleanup);
    } catch (IOException e) {
      throw new BenchFailure("QEMU cannot be started", e);
    }
    long deadline = System.nanoTime() + START_NANOS;
    while (process.isAlive() && System.nanoTime() - deadline < 0) {
      if (Files.exists(socket)) {
        try {
          return new Instance(process, QmpClient.connect(socket));
        } catch (IOException e) {
          // It is there and does not listen yet.
        }
      }
      Thread.sleep(LOOK_AGAIN_MS);
    }
    String said = process.isAlive() ? "it does not answer" : process.line(1);
    process.close();
    throw new BenchFailure("QEMU does not start with " + accelerator + ": " + said);
  }

  private String freshMemory(long bytes, boolean warm) {
    String size = "memory-backend-memfd,id=ram,share=on,size=" + bytes;
    return size + (warm ? ",prealloc=on" : "");
  }

  /** The content is written once: a guest that never runs does not change it. */
  private String filledMemory(long bytes) throws IOException {
    Path file = content;
    if (file == null || Files.size(file) != bytes) {
      if (file != null) {
        Files.deleteIfExists(file);
      }
      file = fill(bytes);
      content = file;
    }
    return "memory-backend-file,id=ram,share=on,mem-path=" + file + ",size=" + bytes;
  }

  private Path fill(long bytes) throws IOException {
    Path file = Files.createTempFile(SHARED_MEMORY, "vmferry-bench-", ".ram");
    cleanup.add(() -> file.toFile().delete());
    ByteBuffer chunk = ByteBuffer.allocateDirect(FILL_BYTES).order(ByteOrder.nativeOrder());
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      for (long at = 0; at < bytes; at += chunk.limit()) {
        chunk.clear().limit((int) Math.min(FILL_BYTES, bytes - at));
        MemoryFill.RANDOM.fill(at / MemoryFill.PAGE_BYTES, chunk);
        for (chunk.flip(); chunk.hasRemaining(); ) {
          channel.write(chunk);
        }
      }
    }
    return file;
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private static ObjectNode object() {
    return Json.LENIENT.createObjectNode();
  }

  /** A QEMU that runs, and how to talk to it. */
  private record Instance(PeerProcess process, QmpClient qmp) implements AutoCloseable {
    @Override
    public void close() {
      qmp.close();
      process.close();
    }
  }
}
