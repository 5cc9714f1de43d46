package io.vmferry.streams.snapshot.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.snapshot.Snapshots;
import io.vmferry.streams.transfer.Guests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A store whose writers and collectors are killed (SIGKILL) at random points. */
@Timeout(600)
class KilledStoreIT {
  // A slice; -Dvmferry.test.kills=50 for the whole.
  private static final int KILLS = Integer.getInteger("vmferry.test.kills", 6);

  @TempDir private Path disk;

  private final Random random = Guests.random("KilledStoreIT");
  // What was acknowledged and not removed, with its digest.
  private final Map<String, Long> kept = new HashMap<>();

  @Test
  void whatWasAcknowledgedIsWholeAndTheRestIsGarbage() throws Exception {
    Path directory = disk.resolve("store");
    int acknowledged = 0;
    for (int i = 0; i < KILLS; i++) {
      run(directory, i);

      LocalStore store = LocalStore.open(directory);
      acknowledged += kept.size();
      for (Map.Entry<String, Long> snapshot : kept.entrySet()) {
        try (ChunkedReader reader = ChunkedReader.open(store, snapshot.getKey(), null)) {
          assertEquals(snapshot.getValue(), Snapshots.digest(reader), snapshot.getKey());
        }
      }
      verify(store);
      store.collect(false);
      verify(store);
      assertTrue(isEmpty(directory.resolve("staging")), "something is left in staging");
      for (String name : store.names()) {
        store.remove(name);
      }
      store.collect(false);
      assertTrue(isEmpty(directory.resolve("chunks")), "something is left in chunks");
    }
    assertTrue(acknowledged > 0, "no snapshot was whole before its writer was killed");
  }

  /** A process from its first snapshot on, for a while. */
  private void run(Path directory, int seed) throws Exception {
    kept.clear();
    Path out = disk.resolve("out");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Djna.nosys=true",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                StoreProcess.class.getName(),
                directory.toString(),
                Integer.toString(seed))
            .redirectError(disk.resolve("err").toFile())
            .redirectOutput(out.toFile())
            .start();
    // However slow this machine is: some are killed in their first snapshot and some later.
    int lines = 1 + seed % 5;
    while (read(out).lines().count() < lines) {
      assertFalse(
          process.waitFor(20, TimeUnit.MILLISECONDS),
          () -> "it ended: " + read(disk.resolve("err")));
    }
    assertFalse(process.waitFor(random.nextInt(400_000), TimeUnit.MICROSECONDS));
    process.destroyForcibly().waitFor();
    String said = read(out);
    // The last line may be cut.
    said.substring(0, said.lastIndexOf('\n') + 1).lines().forEach(line -> note(line.split(" ", 3)));
    System.out.println("kill " + seed + ": " + kept.size() + " snapshots acknowledged");
  }

  private void note(String[] said) {
    if (said.length == 3 && said[0].equals("done")) {
      kept.put(said[1], Long.parseLong(said[2]));
    } else if (said[0].equals("removing")) {
      kept.remove(said[1]);
    }
  }

  private static void verify(LocalStore store) throws IOException {
    StoreCheck check = new StoreCheck(store, null, bytes -> {});
    for (String name : store.names()) {
      check.check(name);
    }
    assertEquals(0, check.problems().size(), () -> check.problems().toString());
  }

  private static boolean isEmpty(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      return all.noneMatch(Files::isRegularFile);
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return e.toString();
    }
  }
}
