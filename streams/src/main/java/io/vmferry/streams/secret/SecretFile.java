package io.vmferry.streams.secret;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/** A file with a key or a token in it. */
public final class SecretFile {
  private static final Set<PosixFilePermission> OF_OTHERS =
      EnumSet.complementOf(
          EnumSet.of(
              PosixFilePermission.OWNER_READ,
              PosixFilePermission.OWNER_WRITE,
              PosixFilePermission.OWNER_EXECUTE));

  private SecretFile() {}

  /**
   * Whether nobody but its owner has any right to a file.
   *
   * @throws IOException if there is no such file, or its rights cannot be read
   */
  public static boolean isOwnersAlone(Path file) throws IOException {
    return Collections.disjoint(Files.getPosixFilePermissions(file), OF_OTHERS);
  }
}
