package io.vmferry.daemon.node;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigValue;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The user's configuration file. A misspelt key is an error: it would do nothing, silently. */
final class ConfigFile {
  private ConfigFile() {}

  /**
   * Reads and checks the keys.
   *
   * @param file null for none
   * @throws NodeFailure with one sentence for the user if it cannot be used
   */
  static Config read(@Nullable Path file) {
    if (file == null) {
      return ConfigFactory.empty();
    }
    if (!Files.isReadable(file)) {
      throw NodeFailure.usage(
          "--config " + file + ": there is no such file, or it is not readable");
    }
    Config config =
        checked(
            () ->
                ConfigFactory.parseFile(
                        file.toFile(), ConfigParseOptions.defaults().setAllowMissing(false))
                    .resolve());
    checkKeys(config);
    return config;
  }

  static Config withDefaults(Config file) {
    return ConfigFactory.defaultOverrides()
        .withFallback(file)
        .withFallback(ConfigFactory.defaultReference());
  }

  /** Runs what reads values, and turns a value of a wrong type into a sentence. */
  static <T> T checked(Supplier<T> reading) {
    try {
      return reading.get();
    } catch (ConfigException e) {
      throw NodeFailure.usage("The configuration cannot be read: " + e.getMessage());
    }
  }

  private static void checkKeys(Config config) {
    Config defaults = ConfigFactory.defaultReference();
    for (Map.Entry<String, ConfigValue> entry : config.entrySet()) {
      String key = entry.getKey();
      if (key.startsWith("pekko.")) {
        // Pekko has sections that users extend, such as dispatchers: nothing to check against.
        continue;
      }
      if (!key.startsWith("vmferry.") || !defaults.hasPath(key)) {
        String line = String.valueOf(entry.getValue().origin().lineNumber());
        throw NodeFailure.usage(
            "The configuration file has no key '" + key + "' (line " + line + "): see --help");
      }
    }
  }
}
