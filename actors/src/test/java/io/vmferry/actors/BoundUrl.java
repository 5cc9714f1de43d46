package io.vmferry.actors;

import io.vmferry.actors.migration.MigrationDestination;
import io.vmferry.actors.vm.FailureCode;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Waits for where a destination listens. */
public final class BoundUrl implements MigrationDestination.Bound {
  private final CompletableFuture<String> url = new CompletableFuture<>();

  @Override
  public void listening(String migrationId, String bound) {
    url.complete(bound);
  }

  @Override
  public void failed(FailureCode code, String reason) {
    url.completeExceptionally(new AssertionError(reason));
  }

  public String await() throws Exception {
    return url.get(20, TimeUnit.SECONDS);
  }
}
