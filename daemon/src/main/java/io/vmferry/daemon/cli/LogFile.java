package io.vmferry.daemon.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.FileAppender;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/** Sends the log to a file in place of stderr. */
final class LogFile {
  private static final String PATTERN = "%d{ISO8601} %-5level %logger{24} %msg%n%ex";

  private LogFile() {}

  /**
   * Appends to {@code file} from now on.
   *
   * @throws CommandFailure if it cannot be written
   */
  static void start(Path file) {
    Path directory = file.toAbsolutePath().getParent();
    boolean writable = Files.exists(file) ? Files.isWritable(file) : canCreateIn(directory);
    if (!writable || Files.isDirectory(file)) {
      throw new CommandFailure(
          ExitCodes.USAGE, "--log-file " + file + " cannot be written: give another file.");
    }
    LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    PatternLayoutEncoder encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setPattern(PATTERN);
    encoder.start();
    FileAppender<ILoggingEvent> appender = new FileAppender<>();
    appender.setContext(context);
    appender.setName("FILE");
    appender.setFile(file.toString());
    appender.setEncoder(encoder);
    appender.start();
    Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    root.detachAndStopAllAppenders();
    root.addAppender(appender);
    Logger own = context.getLogger("io.vmferry");
    if (!own.isInfoEnabled()) {
      own.setLevel(Level.INFO);
    }
  }

  private static boolean canCreateIn(@Nullable Path directory) {
    return directory != null && Files.isDirectory(directory) && Files.isWritable(directory);
  }
}
