package io.vmferry.daemon.access;

import io.vmferry.streams.secret.SecretFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.regex.Pattern;

/**
 * A secret that a request shows in its header {@code Authorization: Bearer TOKEN}. It comes from a
 * file, never from a command line or the environment, which other users can see.
 *
 * <p>Immutable. Source: RFC 6750, 2.1.
 */
public final class BearerToken {
  /** The fewest characters of a token. */
  public static final int LEAST = 16;

  // A header of this length is still taken by every HTTP server on the way.
  private static final int MOST = 1024;
  private static final Pattern B64TOKEN = Pattern.compile("[A-Za-z0-9._~+/-]+=*");
  private static final String SCHEME = "Bearer ";

  private final String text;

  private BearerToken(String text) {
    this.text = text;
  }

  /**
   * Reads a token file: the token, and at most a line's end.
   *
   * @throws TokenFileException with one sentence for the user, which says nothing of the content,
   *     if it is something else, cannot be read, or others than its owner can read it
   */
  public static BearerToken load(Path file) throws TokenFileException {
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      if (!SecretFile.isOwnersAlone(file)) {
        throw new TokenFileException(file, "is open to others than its owner: chmod 600 it");
      }
      bytes = in.readNBytes(MOST + 2);
    } catch (NoSuchFileException e) {
      throw new TokenFileException(file, "does not exist", e);
    } catch (TokenFileException e) {
      throw e;
    } catch (IOException e) {
      throw new TokenFileException(file, "cannot be read", e);
    }
    String text = new String(bytes, StandardCharsets.ISO_8859_1).replaceFirst("\\r?\\n$", "");
    if (text.length() > MOST || !B64TOKEN.matcher(text).matches()) {
      throw new TokenFileException(
          file,
          "holds no token: write one line of letters, digits and -._~+/, at most "
              + MOST
              + " characters");
    }
    if (text.length() < LEAST) {
      throw new TokenFileException(
          file, "holds a token of fewer than " + LEAST + " characters: write a longer one");
    }
    return new BearerToken(text);
  }

  /** The value of the header {@code Authorization} that shows it. */
  public String header() {
    return SCHEME + text;
  }

  /**
   * Whether a header shows this token. How long that takes tells nothing of the token, its length
   * included.
   *
   * @param header the value of {@code Authorization}
   */
  public boolean isShownBy(String header) {
    boolean bearer = header.regionMatches(true, 0, SCHEME, 0, SCHEME.length());
    String shown = bearer ? header.substring(SCHEME.length()).strip() : "";
    return MessageDigest.isEqual(digest(text), digest(shown));
  }

  private static byte[] digest(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /** Without the token: this may be logged. */
  @Override
  public String toString() {
    return "BearerToken";
  }
}
