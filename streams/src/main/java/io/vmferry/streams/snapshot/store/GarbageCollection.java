package io.vmferry.streams.snapshot.store;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/** Removes what no snapshot of a store needs. Whoever runs it has the store's lock alone. */
final class GarbageCollection {
  private final StoreFiles files;
  private long chunks;
  private long bytes;

  GarbageCollection(StoreFiles files) {
    this.files = files;
  }

  ChunkStore.Garbage run(ChunkStore store, boolean dryRun) throws IOException {
    Set<ChunkName> needed = new HashSet<>();
    Set<String> generations = new HashSet<>();
    needed(store, needed, generations);
    for (int i = 0; i < StoreFiles.PREFIXES; i++) {
      try (DirectoryStream<Path> all = Files.newDirectoryStream(files.chunks(i))) {
        for (Path path : all) {
          String name = String.valueOf(path.getFileName());
          if (ChunkName.isOne(name) && !needed.contains(ChunkName.parse(name))) {
            count(path);
            remove(path, dryRun);
          }
        }
      }
    }
    try (DirectoryStream<Path> all = Files.newDirectoryStream(files.staging())) {
      for (Path dead : all) {
        countAll(dead);
      }
    }
    if (!dryRun) {
      removeStaging();
    }
    collectWorkingSets(generations, dryRun);
    return new ChunkStore.Garbage(chunks, bytes);
  }

  /** Of snapshots that are gone, and what killed processes left; they are not counted. */
  private void collectWorkingSets(Set<String> generations, boolean dryRun) throws IOException {
    if (dryRun || !Files.exists(files.workingSets())) {
      return;
    }
    try (DirectoryStream<Path> all = Files.newDirectoryStream(files.workingSets())) {
      for (Path path : all) {
        String name = String.valueOf(path.getFileName());
        int pack = name.length() - StoreFiles.PACK.length();
        String generation = name.endsWith(StoreFiles.PACK) ? name.substring(0, pack) : name;
        if (!generations.contains(generation)) {
          removeAll(path);
        }
      }
    }
  }

  /** Some 100 bytes of heap for each chunk that any snapshot has. */
  private static void needed(ChunkStore store, Set<ChunkName> needed, Set<String> generations)
      throws IOException {
    for (String name : store.names()) {
      Manifest manifest = ManifestFormat.decode(name, store.manifest(name));
      generations.add(manifest.generation().toString());
      for (ChunkTable table : manifest.tables()) {
        for (int i = 0; i < table.chunks(); i++) {
          needed.add(table.name(i));
        }
      }
    }
  }

  private void count(Path path) throws IOException {
    chunks++;
    bytes += Files.size(path);
  }

  private void countAll(Path dead) throws IOException {
    if (!Files.isDirectory(dead)) {
      count(dead);
      return;
    }
    try (DirectoryStream<Path> all = Files.newDirectoryStream(dead)) {
      for (Path path : all) {
        count(path);
      }
    }
  }

  private static void remove(Path path, boolean dryRun) throws IOException {
    if (!dryRun) {
      Files.delete(path);
    }
  }

  /** Removes what writers left that are dead: all of staging. */
  void removeStaging() throws IOException {
    try (DirectoryStream<Path> all = Files.newDirectoryStream(files.staging())) {
      for (Path dead : all) {
        removeAll(dead);
      }
    }
  }

  /** Removes a file, or a directory of files. */
  static void removeAll(Path path) throws IOException {
    if (Files.isDirectory(path)) {
      try (DirectoryStream<Path> all = Files.newDirectoryStream(path)) {
        for (Path file : all) {
          Files.deleteIfExists(file);
        }
      }
    }
    Files.deleteIfExists(path);
  }
}
