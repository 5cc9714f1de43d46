package io.vmferry.daemon.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import org.jspecify.annotations.Nullable;

/**
 * Body of {@code POST /v1/receive-migrations}.
 *
 * @param receiverUrl where to listen, {@code tcp:host:port} (port 0 lets the host choose) or {@code
 *     unix:/path}
 * @param memoryMode {@code precopy}, {@code postcopy}, {@code hybrid} or {@code local}, as on the
 *     source
 * @param name what to call the VM here; absent for the name it has on the source
 * @param verify whether to compute the memory digest
 * @param extensions whether to take extensions of the protocol; absent for true
 * @param prefault precopy: whether to make every page of the guest's memory before any is received;
 *     absent for no
 * @param tlsDir the node's directory of TLS files, absolute; absent for a connection without TLS
 */
@JsonNaming(SnakeCaseStrategy.class)
public record ReceiveMigrationRequest(
    String receiverUrl,
    String memoryMode,
    @Nullable String name,
    boolean verify,
    @Nullable Boolean extensions,
    @Nullable Boolean prefault,
    @Nullable String tlsDir) {}
