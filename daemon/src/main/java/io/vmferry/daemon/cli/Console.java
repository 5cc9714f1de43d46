package io.vmferry.daemon.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.vmferry.actors.migration.Failures;
import io.vmferry.daemon.access.BearerToken;
import io.vmferry.daemon.api.Json;
import io.vmferry.daemon.client.Credentials;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.render.Terminal;
import io.vmferry.streams.transport.TlsIdentity;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What every subcommand shares: the streams, the environment and the options of the whole command
 * line. The parser sets the options before a subcommand runs.
 */
final class Console {
  static final String DEFAULT_NODE = "http://127.0.0.1:8700";

  private final PrintWriter out;
  private final PrintWriter err;
  private final Map<String, String> environment;
  private final Terminal terminal;
  private boolean json;
  private boolean verbose;
  private String node;
  private @Nullable Path tokenFile;
  private @Nullable Path nodeTlsDir;
  private boolean ownsProcess;

  Console(PrintWriter out, PrintWriter err, Map<String, String> environment, Terminal terminal) {
    this.out = out;
    this.err = err;
    this.environment = Map.copyOf(environment);
    this.terminal = terminal;
    this.node = environment.getOrDefault("VMFERRY_NODE", DEFAULT_NODE);
    this.tokenFile = path(environment.get("VMFERRY_TOKEN_FILE"));
    this.nodeTlsDir = path(environment.get("VMFERRY_TLS_DIR"));
  }

  private static @Nullable Path path(@Nullable String variable) {
    return variable == null || variable.isEmpty() ? null : Path.of(variable);
  }

  /** The process's own streams; bin/vmferry tells whether stderr is a terminal and how wide. */
  static Console ofProcess() {
    PrintWriter out = new PrintWriter(System.out, false, StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    boolean interactive = Boolean.getBoolean("vmferry.tty");
    int columns = Integer.getInteger("vmferry.columns", Terminal.DEFAULT_COLUMNS);
    Console console =
        new Console(
            out, err, System.getenv(), new Terminal(err, interactive, Math.max(columns, 20)));
    console.ownsProcess = true;
    return console;
  }

  /** Whether nothing but this command runs in the process. */
  boolean ownsProcess() {
    return ownsProcess;
  }

  PrintWriter out() {
    return out;
  }

  PrintWriter err() {
    return err;
  }

  Map<String, String> environment() {
    return environment;
  }

  Terminal terminal() {
    return terminal;
  }

  boolean json() {
    return json;
  }

  void setJson(boolean json) {
    this.json = json;
  }

  boolean verbose() {
    return verbose;
  }

  void setVerbose(boolean verbose) {
    this.verbose = verbose;
  }

  void setNode(String node) {
    this.node = node;
  }

  void setTokenFile(Path tokenFile) {
    this.tokenFile = tokenFile;
  }

  void setNodeTlsDir(Path nodeTlsDir) {
    this.nodeTlsDir = nodeTlsDir;
  }

  /** A client of the node that the command line or the environment names. */
  NodeClient client() {
    URI uri = nodeUri();
    try {
      return new NodeClient(
          uri,
          new Credentials(
              tokenFile == null ? null : BearerToken.load(tokenFile),
              nodeTlsDir == null ? null : TlsIdentity.loadTrust(nodeTlsDir)));
    } catch (IOException | IllegalArgumentException e) {
      throw new CommandFailure(ExitCodes.USAGE, Failures.sentence(e), e);
    }
  }

  private URI nodeUri() {
    try {
      URI uri = new URI(node);
      boolean http = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
      if (http && uri.getHost() != null) {
        return uri;
      }
    } catch (URISyntaxException e) {
      // Reported below, like a URL of another kind.
    }
    throw new CommandFailure(
        ExitCodes.USAGE,
        "'"
            + node
            + "' is not the URL of a node: write http://<host>:<port> or https://<host>:<port>"
            + " (--node, VMFERRY_NODE)");
  }

  /** Prints {@code lines}, or {@code document} as JSON where -o json asks for it. */
  void print(Object document, List<String> lines) {
    if (json) {
      out.println(toJson(document));
    } else {
      lines.forEach(out::println);
    }
    out.flush();
  }

  /** Says what is going on, on stderr, where a person reads along. */
  void note(String text) {
    err.println(text);
    err.flush();
  }

  static String toJson(Object document) {
    try {
      return Json.LENIENT.writeValueAsString(document);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a body of the node's own types must be writable", e);
    }
  }
}
