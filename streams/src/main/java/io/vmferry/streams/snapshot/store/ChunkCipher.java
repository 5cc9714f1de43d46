package io.vmferry.streams.snapshot.store;

import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;

/**
 * AES-256-GCM for chunks: what is encrypted is bound to the chunk's name and to the first 12 bytes
 * of its head. One thread at a time.
 *
 * <p>Nonces are 96 random bits. NIST SP 800-38D, 8.3, allows 2^32 uses of a key with such: that is
 * 1 PiB of memory in chunks of 256 KiB that are no zeros and were not in the store yet.
 */
final class ChunkCipher {
  private static final int BOUND_BYTES = ChunkHeader.NONCE_AT;

  private final StoreKey key;
  private final Cipher cipher;
  private final SecureRandom random = new SecureRandom();
  private final byte[] nonce = new byte[ChunkHeader.NONCE_BYTES];

  ChunkCipher(StoreKey key) {
    this.key = key;
    try {
      this.cipher = Cipher.getInstance("AES/GCM/NoPadding");
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java platform has AES-GCM", e);
    }
  }

  /**
   * Encrypts a body.
   *
   * @param file its head begun; gets the nonce, and the body behind its position
   */
  void encrypt(ChunkName name, ByteBuffer body, ByteBuffer file) {
    random.nextBytes(nonce);
    file.put(ChunkHeader.NONCE_AT, nonce);
    try {
      init(Cipher.ENCRYPT_MODE, name, file);
      cipher.doFinal(body.duplicate(), file);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("AES-GCM did not take a key of its size", e);
    }
  }

  /**
   * Decrypts a body.
   *
   * @param file all of it, its position at the body
   * @param body room for it
   * @return false if key, name, head or body are not those it was encrypted with; nothing of {@code
   *     body} may be used then
   */
  boolean decrypt(ChunkName name, ByteBuffer file, ByteBuffer body) {
    file.get(ChunkHeader.NONCE_AT, nonce);
    try {
      init(Cipher.DECRYPT_MODE, name, file);
      cipher.doFinal(file.duplicate(), body);
      return true;
    } catch (AEADBadTagException e) {
      return false;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("AES-GCM did not take a key of its size", e);
    }
  }

  private void init(int mode, ChunkName name, ByteBuffer file) throws GeneralSecurityException {
    cipher.init(mode, key.encryption(), new GCMParameterSpec(ChunkHeader.TAG_BYTES * 8, nonce));
    ByteBuffer bound = ByteBuffer.allocate(BOUND_BYTES + ChunkName.BYTES);
    bound.put(file.duplicate().position(0).limit(BOUND_BYTES));
    name.put(bound);
    cipher.updateAAD(bound.flip());
  }
}
