package io.vmferry.streams.snapshot.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.snapshot.SnapshotException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StoreKeyTest {
  @TempDir private Path directory;

  /** A key in a file that is made for it. */
  static StoreKey key(Path file, Random random) throws IOException {
    byte[] bytes = new byte[StoreKey.BYTES];
    random.nextBytes(bytes);
    return StoreKey.load(write(file, bytes, "rw-------"));
  }

  private static Path write(Path file, byte[] bytes, String rights) throws IOException {
    Files.write(file, bytes);
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(rights));
  }

  @Test
  void bytesAndHexDigitsAreTheSameKey() throws Exception {
    byte[] bytes = new byte[32];
    new Random(7).nextBytes(bytes);
    String hex = HexFormat.of().formatHex(bytes);

    StoreKey raw = StoreKey.load(write(directory.resolve("raw"), bytes, "r--------"));
    StoreKey text =
        StoreKey.load(
            write(
                directory.resolve("hex"),
                (hex + "\n").getBytes(StandardCharsets.US_ASCII),
                "rw-------"));

    assertEquals(raw.fingerprint(), text.fingerprint());
    assertTrue(Arrays.equals(raw.names().getEncoded(), text.names().getEncoded()));
    assertFalse(text.toString().contains(hex.substring(0, 8)));
  }

  @Test
  void everyPurposeHasAKeyOfItsOwn() throws Exception {
    StoreKey key = key(directory.resolve("key"), new Random(7));
    assertFalse(Arrays.equals(key.names().getEncoded(), key.manifests().getEncoded()));
    assertFalse(Arrays.equals(key.names().getEncoded(), key.encryption().getEncoded()));
    assertNotEquals(
        key.fingerprint(), key(directory.resolve("other"), new Random(8)).fingerprint());
  }

  @Test
  void aFileThatOthersCanReadOrChangeIsRefused() throws Exception {
    for (String rights : new String[] {"rw-r-----", "rw----r--", "rw--w----", "rw-----w-"}) {
      Path file = write(directory.resolve("key"), new byte[32], rights);
      assertRefused("chmod 600", file);
    }
  }

  @Test
  void whatIsNoKeyIsRefusedAndNotShown() throws Exception {
    assertRefused("does not exist", directory.resolve("none"));
    for (int length : new int[] {0, 16, 31, 33, 63, 65, 200}) {
      assertRefused(
          "does not hold a key", write(directory.resolve("key"), new byte[length], "rw-------"));
    }
    byte[] words =
        "correct horse battery staple correct horse battery staple correct"
            .getBytes(StandardCharsets.US_ASCII);
    assertRefused(
        "does not hold a key",
        write(directory.resolve("key"), Arrays.copyOf(words, 64), "rw-------"));
  }

  private static void assertRefused(String reason, Path file) {
    SnapshotException refused = assertThrows(SnapshotException.class, () -> StoreKey.load(file));
    assertTrue(refused.getMessage().contains(reason), refused::getMessage);
    assertFalse(refused.getMessage().contains("correct horse"), refused::getMessage);
  }
}
