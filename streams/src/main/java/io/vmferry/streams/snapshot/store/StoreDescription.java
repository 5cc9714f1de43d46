package io.vmferry.streams.snapshot.store;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.vmferry.kvm.memory.AdvisoryLock;
import io.vmferry.streams.snapshot.SnapshotException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The file that makes a directory a store: it is the last that is written when one is made. */
final class StoreDescription {
  /** What a chunk is unless a store was made otherwise: see docs/decisions/0015-chunk-store.md. */
  static final int CHUNK_BYTES = 256 << 10;

  /** Only their owner may read what is in a guest's memory. */
  static final FileAttribute<Set<PosixFilePermission>> PRIVATE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String FORMAT = "vmferry chunk store";
  private static final int VERSION = 1;
  private static final int MOST_BYTES = 4096;

  private StoreDescription() {}

  /** The store's chunk size in bytes. */
  static int read(StoreFiles files) throws SnapshotException {
    try {
      if (Files.size(files.description()) > MOST_BYTES) {
        throw none(files, null);
      }
      JsonNode root = JSON.readTree(Files.readString(files.description(), StandardCharsets.UTF_8));
      int version = root.path("version").asInt();
      int chunkBytes = root.path("chunk_bytes").asInt();
      if (!FORMAT.equals(root.path("format").asText())) {
        throw none(files, null);
      }
      if (version != VERSION) {
        throw new SnapshotException(
            "Store "
                + files.directory()
                + " has version "
                + version
                + ", this program knows "
                + VERSION
                + ".");
      }
      if (!ManifestFormat.isChunkSize(chunkBytes)) {
        throw none(files, null);
      }
      return chunkBytes;
    } catch (NoSuchFileException e) {
      throw new SnapshotException("There is no store in " + files.directory() + ".", e);
    } catch (JsonProcessingException e) {
      throw none(files, e);
    } catch (SnapshotException e) {
      throw e;
    } catch (IOException e) {
      throw new SnapshotException("Store " + files.directory() + " cannot be read.", e);
    }
  }

  private static SnapshotException none(StoreFiles files, @Nullable IOException cause) {
    return new SnapshotException(
        "File " + files.description() + " does not describe a chunk store.", cause);
  }

  /** Makes a store; harmless where another process makes it too. */
  static void create(StoreFiles files, int chunkBytes) throws SnapshotException {
    try {
      Files.createDirectories(files.directory(), PRIVATE);
      requireEmpty(files);
      createIfMissing(files.lock());
      AdvisoryLock lock = AdvisoryLock.share(files.lock());
      try {
        for (int i = 0; i < StoreFiles.PREFIXES; i++) {
          Files.createDirectories(files.chunks(i), PRIVATE);
        }
        Files.createDirectories(files.snapshots(), PRIVATE);
        Files.createDirectories(files.staging(), PRIVATE);
        describe(files, chunkBytes);
      } finally {
        lock.close();
      }
    } catch (SnapshotException e) {
      throw e;
    } catch (IOException e) {
      throw StoreFiles.cannotWrite(files, e);
    }
  }

  private static void describe(StoreFiles files, int chunkBytes) throws IOException {
    String text =
        String.format(
            "{\"format\":\"%s\",\"version\":%d,\"chunk_bytes\":%d}%n", FORMAT, VERSION, chunkBytes);
    Path partial = Files.createTempFile(files.staging(), "store", ".json");
    Files.delete(partial);
    StoreFiles.write(partial, text.getBytes(StandardCharsets.UTF_8));
    if (!Files.exists(files.description())) {
      Files.move(partial, files.description(), StandardCopyOption.ATOMIC_MOVE);
    }
    Files.deleteIfExists(partial);
    try (var all = files.fileSystem()) {
      all.sync();
    }
  }

  private static void createIfMissing(Path path) throws IOException {
    try {
      Files.createFile(path);
    } catch (FileAlreadyExistsException e) {
      // Of one that was made half, or is being made.
    }
  }

  /** What was made half may be there. */
  private static void requireEmpty(StoreFiles files) throws IOException {
    Set<Path> ours =
        Set.of(
            files.description(), files.lock(), files.chunks(), files.snapshots(), files.staging());
    try (Stream<Path> there = Files.list(files.directory())) {
      Path other = there.filter(path -> !ours.contains(path)).findFirst().orElse(null);
      if (other != null) {
        throw new SnapshotException(
            "Directory "
                + files.directory()
                + " holds "
                + other.getFileName()
                + ", which is no part of a store; name another directory.");
      }
    }
  }
}
