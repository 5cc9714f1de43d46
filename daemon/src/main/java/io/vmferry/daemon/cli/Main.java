package io.vmferry.daemon.cli;

import java.util.Arrays;

/** Entry point of the vmferry command. */
public final class Main {
  private Main() {}

  /** Runs the command line and exits with its code. */
  public static void main(String[] args) {
    configureLog(args);
    Console console = Console.ofProcess();
    int code = VmferryCommand.commandLine(console, args).execute(args);
    console.out().flush();
    console.err().flush();
    System.exit(code);
  }

  /** The log is configured when its first class is loaded, which is before options are parsed. */
  private static void configureLog(String[] args) {
    boolean verbose = Arrays.stream(args).anyMatch(a -> a.equals("-v") || a.equals("--verbose"));
    if (System.getProperty("vmferry.log") == null) {
      System.setProperty("vmferry.log", verbose ? "DEBUG" : "WARN");
    }
    if (System.getProperty("vmferry.log.pekko") == null) {
      System.setProperty("vmferry.log.pekko", verbose ? "INFO" : "WARN");
    }
  }
}
