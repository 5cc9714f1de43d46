package io.vmferry.daemon.access;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReloadedTest {
  @TempDir private Path directory;
  private Path file;
  private long now;
  private final AtomicInteger reads = new AtomicInteger();
  private Reloaded<String> reloaded;

  @BeforeEach
  void readFirst() throws IOException {
    file = Files.writeString(directory.resolve("file"), "one");
    reloaded = new Reloaded<>(List.of(file), this::read, () -> now);
  }

  private String read() throws IOException {
    reads.incrementAndGet();
    return Files.readString(file);
  }

  private void later() {
    now += Duration.ofSeconds(1).toNanos();
  }

  @Test
  void aNewContentIsSeenASecondLater() throws Exception {
    Files.writeString(file, "two");
    assertEquals("one", reloaded.get());

    later();

    assertEquals("two", reloaded.get());
  }

  @Test
  void aFileMovedIntoItsPlaceIsSeen() throws Exception {
    Path other = Files.writeString(directory.resolve("other"), "two");
    Files.setLastModifiedTime(other, Files.getLastModifiedTime(file));
    Files.move(other, file, StandardCopyOption.ATOMIC_MOVE);

    later();

    assertEquals("two", reloaded.get());
  }

  @Test
  void anUnchangedFileIsNotReadAgain() {
    later();
    reloaded.get();
    later();
    reloaded.get();

    assertEquals(1, reads.get());
  }

  @Test
  void changedRightsAreReasonToReadAgain() throws Exception {
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));

    later();
    reloaded.get();

    assertEquals(2, reads.get());
  }

  @Test
  void whatWasReadStaysWhenTheFileIsGoneAndIsReadAnewWhenItIsBack() throws Exception {
    Files.delete(file);
    later();
    assertEquals("one", reloaded.get());

    Files.writeString(file, "three");
    later();

    assertEquals("three", reloaded.get());
  }

  @Test
  void theFirstTimeItMustBeThere() throws Exception {
    Files.delete(file);

    assertThrows(IOException.class, () -> Reloaded.of(List.of(file), this::read));
  }
}
