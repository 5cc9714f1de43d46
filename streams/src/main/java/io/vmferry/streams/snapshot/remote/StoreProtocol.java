package io.vmferry.streams.snapshot.remote;

import io.vmferry.streams.snapshot.store.ChunkName;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a remote store and its clients agree on.
 *
 * <p>Source: docs/snapshots.md#remote.
 */
public final class StoreProtocol {
  /** The first segment of every path. */
  public static final String ROOT = "store";

  /** The second: the version. */
  public static final String VERSION = "v1";

  /** Names in one question which of them the store lacks. */
  public static final int NAMES = 1024;

  /** Bytes of such a question. */
  public static final int NAMES_BYTES = NAMES * ChunkName.BYTES;

  /** How long a session lives without a word of its client: long enough for a link to come back. */
  public static final Duration SESSION = Duration.ofMinutes(5);

  private StoreProtocol() {}

  /** What a store says of itself. */
  public record Description(int chunkBytes) {}

  /** The names of its snapshots. */
  public record Names(List<String> names) {}

  /** What a session is about. */
  public record Session(String name) {}

  /** What a chunk took. */
  public record Kept(long bytes) {}

  /** Why not; one sentence for the user. */
  public record Refusal(@Nullable String message) {}
}
