package io.vmferry.daemon.faults;

import io.vmferry.daemon.e2e.NodeJvm;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * What a node process holds that a migration may leave behind, counted by kind. Source: proc(5).
 *
 * @param counts descriptors by kind of file, threads that are not of a pool by name, mappings of
 *     guest memory
 */
record Footprint(Map<String, Integer> counts) {
  // Source: include/net/tcp_states.h.
  private static final String TIME_WAIT = "06";
  // Pools and the JVM's own threads come and go with load; what a migration starts has other names.
  private static final Set<String> POOLS =
      Set.of("pool", "C1 ", "C2 ", "vmferry-", "GC ", "HttpClient");
  private static final Pattern COLUMNS = Pattern.compile("\\s+");

  static Footprint of(NodeJvm node) throws IOException {
    Path proc = Path.of("/proc", Long.toString(node.process().pid()));
    Map<String, Integer> counts = new TreeMap<>();
    Set<String> management = managementSockets(proc, node.ports());
    try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(proc.resolve("fd"))) {
      for (Path descriptor : descriptors) {
        String target = target(descriptor);
        if (!management.contains(target)) {
          count(counts, "fd " + kind(target));
        }
      }
    }
    try (DirectoryStream<Path> tasks = Files.newDirectoryStream(proc.resolve("task"))) {
      for (Path task : tasks) {
        String name = line(task.resolve("comm"));
        if (!isPooled(name)) {
          count(counts, "thread " + name.replaceAll("[0-9]+", "#"));
        }
      }
    }
    for (String mapping : Files.readAllLines(proc.resolve("maps"))) {
      if (isMemory(mapping)) {
        count(counts, "mapping of guest memory");
      }
    }
    return new Footprint(counts);
  }

  /** What there is more of than before; empty if nothing. */
  String excessOver(Footprint before) {
    StringBuilder more = new StringBuilder();
    counts.forEach(
        (kind, count) -> {
          int was = before.counts.getOrDefault(kind, 0);
          if (count > was) {
            more.append(more.isEmpty() ? "" : ", ");
            more.append(kind).append(": ").append(was).append(" -> ").append(count);
          }
        });
    return more.toString();
  }

  /** All descriptors that are counted. */
  int descriptors() {
    return counts.entrySet().stream()
        .filter(e -> e.getKey().startsWith("fd "))
        .mapToInt(Map.Entry::getValue)
        .sum();
  }

  private static void count(Map<String, Integer> counts, String kind) {
    counts.merge(kind, 1, Integer::sum);
  }

  private static String target(Path descriptor) throws IOException {
    try {
      return Files.readSymbolicLink(descriptor).toString();
    } catch (NoSuchFileException e) {
      return "closed meanwhile";
    }
  }

  private static String line(Path file) {
    try {
      return Files.readString(file).strip();
    } catch (IOException e) {
      return "pool ended meanwhile";
    }
  }

  /** Files without a name, as the kernel lists them on one machine or another. */
  private static boolean isMemory(String mapping) {
    return mapping.contains("/memfd:") || mapping.matches(".* /#[0-9]+ \\(deleted\\)");
  }

  private static boolean isPooled(String thread) {
    return POOLS.stream().anyMatch(thread::startsWith);
  }

  private static String kind(String target) {
    if (target.startsWith("socket:")) {
      return "socket";
    }
    if (target.startsWith("/memfd:")) {
      return "memfd";
    }
    if (target.startsWith("anon_inode:")) {
      return target.substring("anon_inode:".length()).replaceAll("[0-9]+", "#");
    }
    if (target.startsWith("pipe:")) {
      return "pipe";
    }
    return target;
  }

  /** Sockets of the management routes and of the cluster, as fd targets. */
  private static Set<String> managementSockets(Path proc, Set<Integer> ports) throws IOException {
    Set<String> sockets = new HashSet<>();
    for (String table : new String[] {"tcp", "tcp6"}) {
      for (String line : Files.readAllLines(proc.resolve("net").resolve(table))) {
        List<String> fields = COLUMNS.splitAsStream(line.strip()).toList();
        if (fields.get(0).equals("sl") || fields.get(3).equals(TIME_WAIT)) {
          continue;
        }
        if (ports.contains(port(fields.get(1))) || ports.contains(port(fields.get(2)))) {
          sockets.add("socket:[" + fields.get(9) + "]");
        }
      }
    }
    return sockets;
  }

  private static int port(String address) {
    return Integer.parseInt(address.substring(address.lastIndexOf(':') + 1), 16);
  }
}
