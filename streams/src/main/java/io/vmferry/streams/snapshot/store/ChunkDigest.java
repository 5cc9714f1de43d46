package io.vmferry.streams.snapshot.store;

import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import javax.crypto.Mac;
import org.jspecify.annotations.Nullable;

/**
 * Names chunks: SHA-256 of their plain bytes, or HMAC-SHA256 with a key, so that who does not have
 * it cannot tell whether something known is in the store. One thread at a time.
 */
final class ChunkDigest {
  private final @Nullable Mac keyed;
  private final MessageDigest plain;

  ChunkDigest(@Nullable StoreKey key) {
    keyed = key == null ? null : StoreKey.mac(key.names());
    plain = sha256();
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** Of the first {@code end} bytes. */
  static byte[] sha256(byte[] bytes, int end) {
    MessageDigest digest = sha256();
    digest.update(bytes, 0, end);
    return digest.digest();
  }

  /** The name of what is between position and limit, which stay. */
  ChunkName of(ByteBuffer bytes) {
    ByteBuffer view = bytes.duplicate();
    if (keyed != null) {
      keyed.update(view);
      return ChunkName.of(keyed.doFinal());
    }
    plain.update(view);
    return ChunkName.of(plain.digest());
  }
}
