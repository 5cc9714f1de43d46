package io.vmferry.daemon.cli;

import io.vmferry.daemon.node.HttpFlags;
import io.vmferry.daemon.node.NodeFailure;
import io.vmferry.daemon.node.NodeFlags;
import io.vmferry.daemon.node.NodeProcess;
import io.vmferry.daemon.node.NodeSettings;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code vmferry node}. */
@Command(
    name = "node",
    sortOptions = false,
    description = {
      "Runs a node in the foreground: VMs, HTTP routes and a part of the cluster.",
      "Prints one line when it is ready. TERM or Ctrl-C ends it (exit code 143 or 130), and the"
          + " guests on it: move them away first."
    })
final class NodeCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description =
          "Settings (HOCON): vmferry.node { name, http { address, tls-dir, token-file,"
              + " client-certificates }, cluster, seeds, data, log-file }.")
  private @Nullable Path config;

  @Option(
      names = "--name",
      paramLabel = "N",
      description = "The node's name, unique in the cluster. Default: the host's name.")
  private @Nullable String name;

  @Option(
      names = "--http",
      paramLabel = "HOST:PORT",
      description = {
        "Where the commands reach it; port 0 for a free port. Other than loopback addresses need",
        "TLS, and a token or client certificates. Default: 127.0.0.1:8700."
      })
  private @Nullable String http;

  @Option(
      names = "--http-tls-dir",
      paramLabel = "DIR",
      description = {
        "TLS for the commands: a directory with ca-cert.pem, server-cert.pem and",
        "server-key.pem. New files need no restart. Default: plain HTTP."
      })
  private @Nullable Path httpTlsDir;

  @Option(
      names = "--http-token-file",
      paramLabel = "FILE",
      description = {
        "Commands must show the token in this file (--token-file), which only its owner may",
        "read. A new one needs no restart. Default: none."
      })
  private @Nullable Path httpTokenFile;

  @Option(
      names = "--http-client-certificates",
      description = "Commands must show a certificate of the authority in ca-cert.pem.",
      arity = "0")
  private @Nullable Boolean httpClientCertificates;

  @Option(
      names = "--cluster",
      paramLabel = "HOST:PORT",
      description = {
        "Where other nodes reach it; port 0 for a free port. Not encrypted:",
        "keep it on a private network. Default: 127.0.0.1:8701."
      })
  private @Nullable String cluster;

  @Option(
      names = "--seed",
      paramLabel = "HOST:PORT",
      description =
          "The --cluster address of a node to join; repeatable. Default: none, begin one.")
  private List<String> seeds = List.of();

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "The node's directory. Default: a temporary one, removed at the end.")
  private @Nullable Path data;

  @Option(
      names = "--log-file",
      paramLabel = "FILE",
      description = "Log there, a line per state change. Default: warnings to stderr.")
  private @Nullable Path logFile;

  @Mixin private SeccompOption seccomp = new SeccompOption();

  @Option(
      names = "--end-with-stdin",
      hidden = true,
      description = "End when standard input does: for a node that must not outlive its starter.")
  private boolean endWithStdin;

  NodeCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws Exception {
    try {
      NodeSettings settings =
          NodeSettings.read(
              new NodeFlags(
                  config,
                  name,
                  new HttpFlags(http, httpTlsDir, httpTokenFile, httpClientCertificates),
                  cluster,
                  seeds,
                  data,
                  logFile,
                  seccomp.chosen()));
      if (settings.logFile() != null) {
        LogFile.start(settings.logFile());
      }
      // Several threads log first otherwise, and SLF4J says so on stderr.
      LoggerFactory.getILoggerFactory();
      NodeProcess node = NodeProcess.start(settings);
      console.out().println(node.readyLine());
      node.remembered().forEach(console.out()::println);
      console.out().flush();
      if (endWithStdin) {
        endWithStdin();
      }
      if (node.awaitEnd()) {
        // Told to stop: the JVM ends with the status of the signal.
        return ExitCodes.OK;
      }
    } catch (NodeFailure e) {
      throw new CommandFailure(e.isUsage() ? ExitCodes.USAGE : ExitCodes.FAILED, sentence(e), e);
    }
    throw new CommandFailure(ExitCodes.FAILED, "The node stopped by itself; see its log.");
  }

  private static void endWithStdin() {
    Thread reader =
        new Thread(
            () -> {
              try {
                System.in.transferTo(OutputStream.nullOutputStream());
              } catch (IOException e) {
                // As good as its end.
              }
              System.exit(ExitCodes.OK);
            },
            "end-with-stdin");
    reader.setDaemon(true);
    reader.start();
  }

  private static String sentence(NodeFailure e) {
    return e.getMessage() + ".";
  }
}
