package io.vmferry.daemon.cli;

import io.vmferry.daemon.client.NodeDistrustException;
import io.vmferry.daemon.client.NodeException;
import io.vmferry.daemon.client.NodeUnreachableException;
import io.vmferry.daemon.options.OptionSyntaxException;
import io.vmferry.daemon.units.Durations;
import io.vmferry.daemon.units.Rates;
import io.vmferry.daemon.units.Sizes;
import io.vmferry.daemon.units.UnitFormatException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** The root of the command tree: options of every subcommand, units, errors and exit codes. */
@Command(
    name = "vmferry",
    description = "Moves running KVM guests between hosts.",
    mixinStandardHelpOptions = true,
    versionProvider = VmferryCommand.Version.class,
    scope = ScopeType.INHERIT,
    sortOptions = false,
    synopsisSubcommandLabel = "COMMAND",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:the node or the host could not do it; stderr says why and where the guest is",
      "2:the command line is wrong; nothing was done",
      "3:no node answers at the address",
      "4:a migration ended and it is not certain where the guest is",
      "130:interrupted; a migration under way was cancelled"
    })
final class VmferryCommand implements Runnable {
  private final Console console;

  @Spec private CommandSpec spec;

  @SuppressWarnings("NullAway.Init") // picocli sets the spec before it parses
  private VmferryCommand(Console console) {
    this.console = console;
  }

  /** Output formats of {@code -o}. */
  enum Format {
    text,
    json
  }

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      scope = ScopeType.INHERIT,
      description = "${COMPLETION-CANDIDATES}; json prints one document. Default: text.")
  void setOutput(Format format) {
    console.setJson(format == Format.json);
  }

  @Option(
      names = "--node",
      paramLabel = "URL",
      scope = ScopeType.INHERIT,
      description =
          "The node to talk to. Default: $VMFERRY_NODE, or else " + Console.DEFAULT_NODE + ".")
  void setNode(String url) {
    console.setNode(url);
  }

  @Option(
      names = "--token-file",
      paramLabel = "FILE",
      scope = ScopeType.INHERIT,
      description =
          "With the token that the node wants; for its owner alone. Default: $VMFERRY_TOKEN_FILE.")
  void setTokenFile(Path file) {
    console.setTokenFile(file);
  }

  @Option(
      names = "--node-tls-dir",
      paramLabel = "DIR",
      scope = ScopeType.INHERIT,
      description =
          "For a node at https: with ca-cert.pem, and client-cert.pem and client-key.pem if it wants"
              + " a certificate. Default: $VMFERRY_TLS_DIR, or else the JDK's authorities.")
  void setNodeTlsDir(Path directory) {
    console.setNodeTlsDir(directory);
  }

  @Option(
      names = {"-v", "--verbose"},
      scope = ScopeType.INHERIT,
      description = "Log to stderr, and show stack traces of errors.")
  void setVerbose(boolean verbose) {
    console.setVerbose(verbose);
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Say which command");
  }

  private static CommandTree tree(Console console) {
    return CommandTree.of(
        "vmferry",
        () -> new VmferryCommand(console),
        CommandTree.of("doctor", () -> new DoctorCommand(console)),
        CommandTree.of("quickstart", () -> new QuickstartCommand(console)),
        CommandTree.of("node", () -> new NodeCommand(console)),
        CommandTree.of(
            "vm",
            VmCommand::new,
            CommandTree.of("create", () -> new VmCreateCommand(console)),
            CommandTree.of("boot", () -> new VmCommands.Boot(console)),
            CommandTree.of("pause", () -> new VmCommands.Pause(console)),
            CommandTree.of("resume", () -> new VmCommands.Resume(console)),
            CommandTree.of("info", () -> new VmCommands.Info(console)),
            CommandTree.of("console", () -> new VmCommands.ShowConsole(console)),
            CommandTree.of("snapshot", () -> new VmSnapshotCommand(console)),
            CommandTree.of("restore", () -> new VmRestoreCommand(console)),
            CommandTree.of("delete", () -> new VmCommands.Delete(console)),
            CommandTree.of("list", () -> new VmCommands.ListAll(console))),
        CommandTree.of("migrate", () -> new MigrateCommand(console)),
        CommandTree.of("migrate-postcopy", () -> new MigratePostcopyCommand(console)),
        CommandTree.of("send-migration", () -> new SendMigrationCommand(console)),
        CommandTree.of("receive-migration", () -> new ReceiveMigrationCommand(console)),
        CommandTree.of(
            "offload",
            OffloadCommand::new,
            CommandTree.of("snapshot", () -> new OffloadSnapshotCommand(console)),
            CommandTree.of("restore", () -> new OffloadRestoreCommand(console)),
            CommandTree.of("serve", () -> new OffloadServeCommand(console)),
            CommandTree.of("list", () -> new StoreCommands.ListAll(console)),
            CommandTree.of("verify", () -> new OffloadVerifyCommand(console)),
            CommandTree.of("copy", () -> new OffloadCopyCommand(console)),
            CommandTree.of("remove", () -> new StoreCommands.Remove(console)),
            CommandTree.of("gc", () -> new StoreCommands.Collect(console)),
            CommandTree.of("serve-store", () -> new OffloadServeStoreCommand(console))),
        CommandTree.of(
            "cluster",
            ClusterCommand::new,
            CommandTree.of("status", () -> new ClusterStatusCommand(console))),
        CommandTree.of(
            "bench",
            () -> new BenchCommand(console),
            CommandTree.of("offload", () -> new BenchOffloadCommand(console))));
  }

  /**
   * What a command line needs, ready to execute.
   *
   * @param args the command line; none for the whole tree
   */
  static CommandLine commandLine(Console console, String... args) {
    CommandLine root = tree(console).branch(args);
    registerUnits(root);
    root.setOut(console.out());
    root.setErr(console.err());
    root.setCaseInsensitiveEnumValuesAllowed(true);
    root.setParameterExceptionHandler((e, given) -> usageError(console, e));
    root.setExecutionExceptionHandler((e, command, result) -> failure(console, e));
    root.setUsageHelpWidth(100);
    return root;
  }

  private static void registerUnits(CommandLine root) {
    root.registerConverter(ByteSize.class, text -> new ByteSize(convert(() -> Sizes.parse(text))));
    root.registerConverter(ByteRate.class, text -> new ByteRate(convert(() -> Rates.parse(text))));
    root.registerConverter(Duration.class, text -> convert(() -> Durations.parse(text)));
  }

  private static <T> T convert(Supplier<T> parse) {
    try {
      return parse.get();
    } catch (UnitFormatException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }

  private static int usageError(Console console, ParameterException e) {
    CommandSpec spec = e.getCommandLine().getCommandSpec();
    PrintWriter err = console.err();
    err.println("vmferry: " + e.getMessage());
    CommandLine.UnmatchedArgumentException.printSuggestions(e, err);
    err.println("Try '" + spec.qualifiedName() + " --help'.");
    err.flush();
    return ExitCodes.USAGE;
  }

  private static int failure(Console console, Exception e) {
    console.out().flush();
    int code = report(console, e);
    if (console.verbose()) {
      e.printStackTrace(console.err());
    }
    console.err().flush();
    return code;
  }

  private static int report(Console console, Exception e) {
    PrintWriter err = console.err();
    if (e instanceof CommandFailure failure) {
      err.println("vmferry: " + failure.getMessage());
      return failure.exitCode();
    }
    if (e instanceof OptionSyntaxException) {
      err.println("vmferry: " + e.getMessage());
      return ExitCodes.USAGE;
    }
    if (e instanceof NodeUnreachableException unreachable) {
      err.println(
          "vmferry: No node answers at "
              + unreachable.node()
              + ". Start one with 'vmferry node', or name another with --node or VMFERRY_NODE.");
      return ExitCodes.UNREACHABLE;
    }
    if (e instanceof NodeDistrustException distrust) {
      err.println(
          "vmferry: TLS with the node at "
              + distrust.node()
              + " failed: "
              + distrust.getMessage()
              + ". Look at --node-tls-dir (or VMFERRY_TLS_DIR) here and --http-tls-dir there.");
      return ExitCodes.FAILED;
    }
    if (e instanceof NodeException refused) {
      err.println("vmferry: " + ProblemText.of(refused.problem()));
      return ProblemText.exitCode(refused.problem());
    }
    err.println(
        "vmferry: "
            + (e.getMessage() == null ? e.toString() : e.getMessage())
            + (console.verbose() ? "" : " (run again with -v for the details)"));
    return ExitCodes.FAILED;
  }

  /** Version from the jar's manifest. */
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = VmferryCommand.class.getPackage().getImplementationVersion();
      return new String[] {"vmferry " + (version == null ? "(not packaged)" : version)};
    }
  }
}
