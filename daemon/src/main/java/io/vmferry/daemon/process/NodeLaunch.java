package io.vmferry.daemon.process;

import java.nio.file.Path;
import java.util.List;

/**
 * How a node process is started.
 *
 * @param name the node's name
 * @param directory for its files
 * @param http where its routes listen
 * @param cluster its cluster address
 * @param seeds cluster addresses of members to join
 * @param jvmOptions beside those that every node needs
 * @param prefix a command that starts the JVM in other surroundings, such as a network namespace;
 *     must not fork
 * @param main the main class and what precedes the command line of {@code vmferry}
 */
public record NodeLaunch(
    String name,
    Path directory,
    String http,
    String cluster,
    List<String> seeds,
    List<String> jvmOptions,
    List<String> prefix,
    List<String> main) {
  /** The main class of the {@code vmferry} command. */
  public static final String COMMAND = "io.vmferry.daemon.cli.Main";

  /** Copies the lists. */
  public NodeLaunch {
    seeds = List.copyOf(seeds);
    jvmOptions = List.copyOf(jvmOptions);
    prefix = List.copyOf(prefix);
    main = List.copyOf(main);
  }

  /** A node on loopback. */
  public static NodeLaunch onLoopback(
      String name, Path directory, String cluster, List<String> seeds, List<String> jvmOptions) {
    return new NodeLaunch(
        name, directory, "127.0.0.1:0", cluster, seeds, jvmOptions, List.of(), List.of(COMMAND));
  }
}
