package io.vmferry.kvm.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.SyscallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class AdvisoryLockIT {
  @TempDir Path directory;

  @Test
  void manyShareItAndOneHasItAloneInOneProcessToo() throws Exception {
    Path path = Files.createFile(directory.resolve("lock"));
    AdvisoryLock one = AdvisoryLock.share(path);
    AdvisoryLock other = AdvisoryLock.share(path);
    assertNull(AdvisoryLock.tryAlone(path));
    other.close();
    assertNull(AdvisoryLock.tryAlone(path));
    one.close();
    AdvisoryLock alone = AdvisoryLock.tryAlone(path);
    assertNotNull(alone);
    assertNull(AdvisoryLock.tryAlone(path));
    CompletableFuture<Boolean> shared = CompletableFuture.supplyAsync(() -> shareAndClose(path));

    alone.close();

    assertEquals(true, shared.get(30, TimeUnit.SECONDS));
  }

  private static boolean shareAndClose(Path path) {
    try (AdvisoryLock lock = AdvisoryLock.share(path)) {
      return lock != null;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void anotherProcessIsKeptOut() throws Exception {
    Path path = Files.createFile(directory.resolve("lock"));
    try (AdvisoryLock alone = AdvisoryLock.tryAlone(path)) {
      assertNotNull(alone);
      assertEquals(1, flock(path));
    }
    assertEquals(0, flock(path));
  }

  private static int flock(Path path) throws Exception {
    return new ProcessBuilder("flock", "-n", "-s", path.toString(), "true").start().waitFor();
  }

  @Test
  void aFileThatIsNotThereHasNoLock() {
    SyscallException missing =
        assertThrows(
            SyscallException.class, () -> AdvisoryLock.share(directory.resolve("none")).close());
    assertEquals(Errno.ENOENT, missing.errno());
  }

  @Test
  void aFileSystemIsSyncedByADirectoryOnIt() throws Exception {
    FileSystemSync sync = FileSystemSync.of(directory);
    Files.writeString(directory.resolve("file"), "text");
    sync.sync();
    sync.close();
    assertThrows(IllegalStateException.class, sync::sync);
  }
}
