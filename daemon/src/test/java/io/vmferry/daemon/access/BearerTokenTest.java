package io.vmferry.daemon.access;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BearerTokenTest {
  private static final String TOKEN = "0123456789abcdef-._~+/==";

  @TempDir private Path directory;

  private Path file(String text, String rights) throws IOException {
    Path file = Files.writeString(directory.resolve("token"), text);
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(rights));
  }

  private BearerToken token() throws IOException {
    return BearerToken.load(file(TOKEN + "\n", "r--------"));
  }

  @Test
  void aTokenIsShownByItsHeaderInAnyCaseOfTheScheme() throws Exception {
    assertEquals("Bearer " + TOKEN, token().header());
    assertTrue(token().isShownBy("Bearer " + TOKEN));
    assertTrue(token().isShownBy("bearer  " + TOKEN));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        "Basic " + TOKEN,
        "Bearer 0123456789abcdef",
        "Bearer " + TOKEN + "=",
        "Bearer 0123456789ABCDEF-._~+/=="
      })
  void anythingElseDoesNotShowIt(String header) throws Exception {
    assertFalse(token().isShownBy(header));
  }

  @ParameterizedTest
  @ValueSource(strings = {"rw-r-----", "rw----r--", "rw--w----", "rw-----w-", "rw---x---"})
  void aFileThatOthersHaveRightsToIsRefused(String rights) throws Exception {
    assertRefused("chmod 600", file(TOKEN, rights));
  }

  @Test
  void aShortTokenIsRefused() throws Exception {
    assertRefused("fewer than 16", file("0123456789abcde", "rw-------"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "\n",
        "secret-of-two words",
        "secret-line-one1\nsecret-line-two2\n",
        "sécret-sécret-sécret"
      })
  void whatIsNoTokenIsRefusedAndNotShown(String text) throws Exception {
    assertRefused("holds no token", file(text, "rw-------"));
  }

  @Test
  void aTokenThatIsTooLongIsRefused() throws Exception {
    assertRefused("at most 1024", file("secret".repeat(171), "rw-------"));
  }

  @Test
  void aFileThatIsNotThereIsNamed() {
    assertRefused("does not exist", directory.resolve("none"));
  }

  @Test
  void itsTextIsNotTheToken() throws Exception {
    assertFalse(token().toString().contains(TOKEN.substring(0, 4)));
  }

  private static void assertRefused(String reason, Path file) {
    TokenFileException refused =
        assertThrows(TokenFileException.class, () -> BearerToken.load(file));

    assertTrue(refused.getMessage().contains(reason), refused::getMessage);
    assertTrue(refused.getMessage().contains(file.toString()), refused::getMessage);
    assertFalse(refused.getMessage().contains("secret-"), refused::getMessage);
  }
}
