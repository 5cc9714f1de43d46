package io.vmferry.daemon.cli;

import com.typesafe.config.ConfigFactory;
import io.vmferry.kvm.sandbox.SeccompMode;
import io.vmferry.streams.sandbox.Sandbox;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** How threads are fenced in that serve pages or hear a peer. */
final class SeccompOption {
  @Option(
      names = "--seccomp",
      paramLabel = "MODE",
      converter = Converter.class,
      description = {
        "What becomes of a system call that a thread that serves pages or hears a peer has no",
        "business to make: off, log, errno (it fails), kill (the process ends). Default: errno."
      })
  private @Nullable SeccompMode mode;

  /** Says what picocli shows. */
  static final class Converter implements ITypeConverter<SeccompMode> {
    @Override
    public SeccompMode convert(String value) {
      try {
        return SeccompMode.parse(value);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  /** What was asked for; null for the configuration's. */
  @Nullable SeccompMode chosen() {
    return mode;
  }

  /** What was asked for, or the default. */
  SeccompMode mode() {
    return mode == null ? byDefault() : mode;
  }

  /** Of a command that has no configuration file. */
  static SeccompMode byDefault() {
    return SeccompMode.parse(ConfigFactory.load().getString(Sandbox.SECCOMP));
  }
}
