package io.vmferry.actors.ownership;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Records of one kind, each a JSON document in a {@link DurableDirectory}; or nothing at all where
 * there is no directory.
 */
final class RecordStore<T> {
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .serializationInclusion(JsonInclude.Include.NON_NULL)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          // Of a newer daemon that was replaced by this one.
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  private final Class<T> type;
  private final @Nullable DurableDirectory directory;

  private RecordStore(Class<T> type, @Nullable DurableDirectory directory) {
    this.type = type;
    this.directory = directory;
  }

  static <T> RecordStore<T> open(Class<T> type, Path path) throws IOException {
    return new RecordStore<>(type, DurableDirectory.open(path));
  }

  /** Keeps nothing. */
  static <T> RecordStore<T> none(Class<T> type) {
    return new RecordStore<>(type, null);
  }

  /**
   * All that are there.
   *
   * @throws IOException if one cannot be read: to go on without it could run a guest twice
   */
  List<T> readAll() throws IOException {
    List<T> all = new ArrayList<>();
    if (directory != null) {
      for (byte[] json : directory.readAll()) {
        T value = JSON.readValue(json, type);
        if (value == null) {
          throw new IOException("A " + type.getSimpleName() + " is empty.");
        }
        all.add(value);
      }
    }
    return all;
  }

  void put(String name, T value) throws IOException {
    if (directory != null) {
      directory.replace(name, JSON.writeValueAsBytes(value));
    }
  }

  void stage(String name, T value) throws IOException {
    if (directory != null) {
      directory.stage(name, JSON.writeValueAsBytes(value));
    }
  }

  void commit(String name) throws IOException {
    if (directory != null) {
      directory.commit(name);
    }
  }

  void remove(String name) throws IOException {
    if (directory != null) {
      directory.remove(name);
    }
  }
}
