package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.secret.SecretFile;
import io.vmferry.streams.snapshot.SnapshotException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * The key that snapshots are encrypted with, from a file. What it is used for has a key of its own
 * that is derived from it, so that none tells anything of another.
 *
 * <p>Immutable. Source: docs/snapshots.md#encryption; RFC 5869, 2.3 (HKDF-Expand, one block: the
 * key is uniform already, which 3.3 lets go without extraction).
 */
public final class StoreKey {
  /** Bytes of the key. */
  public static final int BYTES = 32;

  /** Bytes of the fingerprint. */
  static final int FINGERPRINT_BYTES = 16;

  static final String MAC = "HmacSHA256";
  private static final String PURPOSE = "vmferry chunk store 1 ";

  private final SecretKey encryption;
  private final SecretKey names;
  private final SecretKey manifests;
  private final SecretKey packs;
  private final byte[] fingerprint;

  private StoreKey(byte[] key) {
    encryption = new SecretKeySpec(derive(key, "encryption"), "AES");
    names = new SecretKeySpec(derive(key, "names"), MAC);
    manifests = new SecretKeySpec(derive(key, "manifests"), MAC);
    packs = new SecretKeySpec(derive(key, "packs"), MAC);
    fingerprint = Arrays.copyOf(derive(key, "fingerprint"), FINGERPRINT_BYTES);
  }

  /**
   * Reads a key file: 32 bytes, or 64 hex digits and at most a line's end.
   *
   * @throws SnapshotException if it is something else, cannot be read, or others than its owner can
   *     read it
   */
  public static StoreKey load(Path file) throws SnapshotException {
    byte[] text;
    try (InputStream in = Files.newInputStream(file)) {
      if (!SecretFile.isOwnersAlone(file)) {
        throw new SnapshotException(
            "Key file " + file + " is open to others than its owner: chmod 600 it.");
      }
      text = in.readNBytes(2 * BYTES + 3);
    } catch (NoSuchFileException e) {
      throw new SnapshotException("Key file " + file + " does not exist.", e);
    } catch (SnapshotException e) {
      throw e;
    } catch (IOException e) {
      throw new SnapshotException("Key file " + file + " cannot be read.", e);
    }
    byte[] key = text.length == BYTES ? text.clone() : fromHex(text, file);
    try {
      return new StoreKey(key);
    } finally {
      Arrays.fill(key, (byte) 0);
      Arrays.fill(text, (byte) 0);
    }
  }

  private static byte[] fromHex(byte[] text, Path file) throws SnapshotException {
    String digits = new String(text, StandardCharsets.ISO_8859_1).stripTrailing();
    if (digits.length() == 2 * BYTES) {
      try {
        return HexFormat.of().parseHex(digits);
      } catch (IllegalArgumentException e) {
        // Said below, without what is in the file.
      }
    }
    throw new SnapshotException(
        "Key file " + file + " does not hold a key: 32 random bytes, or 64 hex digits.");
  }

  private static byte[] derive(byte[] key, String purpose) {
    Mac mac = mac(new SecretKeySpec(key, MAC));
    mac.update((PURPOSE + purpose).getBytes(StandardCharsets.US_ASCII));
    mac.update((byte) 1);
    return mac.doFinal();
  }

  static Mac mac(SecretKey key) {
    try {
      Mac mac = Mac.getInstance(MAC);
      mac.init(key);
      return mac;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java platform has " + MAC, e);
    }
  }

  /** Of the first {@code end} bytes. */
  static byte[] mac(SecretKey key, byte[] bytes, int end) {
    Mac mac = mac(key);
    mac.update(bytes, 0, end);
    return mac.doFinal();
  }

  /** For AES-256. */
  SecretKey encryption() {
    return encryption;
  }

  /** For the names of chunks. */
  SecretKey names() {
    return names;
  }

  /** For manifests. */
  SecretKey manifests() {
    return manifests;
  }

  /** For tables of packed pages. */
  SecretKey packs() {
    return packs;
  }

  /** 32 hex digits that say which key it is and nothing else of it. */
  public String fingerprint() {
    return HexFormat.of().formatHex(fingerprint);
  }

  @Override
  public String toString() {
    return "key " + fingerprint();
  }
}
