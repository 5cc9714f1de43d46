package io.vmferry.actors.snapshot;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.snapshot.FileMemory;
import io.vmferry.streams.snapshot.MemorySource;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.SnapshotWriter;
import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transfer.InboundCommands;
import io.vmferry.streams.transfer.PrecopySender;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Response;
import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.stream.ActorAttributes;
import org.apache.pekko.stream.Materializer;
import org.apache.pekko.stream.javadsl.Sink;
import org.jspecify.annotations.Nullable;

/**
 * Takes one snapshot: the destination of a local migration, which keeps what comes. Complete is
 * answered once all of it is durable and in its place, and not before: the source may end then, and
 * its descriptors are all that there is of the guest.
 *
 * <p>Source: docs/protocol.md#local.
 */
public final class SnapshotReceiver implements AutoCloseable {
  private final SnapshotWriter writer;
  private final SnapshotProgress progress;
  private final Map<Integer, Memfd> memory = new TreeMap<>();
  private @Nullable VmMigrationConfig config;
  private @Nullable Throwable failure;
  private boolean committed;

  /**
   * A receiver of one snapshot.
   *
   * @param writer closed with this
   */
  public SnapshotReceiver(SnapshotWriter writer, SnapshotProgress progress) {
    this.writer = writer;
    this.progress = progress;
  }

  /**
   * Receives and stores.
   *
   * @param connection fresh; the caller closes it
   * @return completes when the snapshot is in its place and the source knows. Fails with {@link
   *     SnapshotException} if it cannot be stored or the source gave up, with {@link
   *     ProtocolException} if it sent what makes no snapshot (an error was answered), and with
   *     another {@link IOException} if the connection broke. The writer is to be closed then
   */
  public CompletionStage<Void> receive(Connection connection, Materializer materializer) {
    return InboundCommands.source(connection)
        .runWith(
            Sink.<Inbound>foreach(this::onInbound)
                .withAttributes(ActorAttributes.dispatcher(PrecopySender.BLOCKING_DISPATCHER)),
            materializer)
        .thenAccept(
            done -> {
              Throwable cause = failure;
              if (cause != null) {
                throw new CompletionException(cause);
              }
              if (!committed) {
                throw new CompletionException(
                    new SnapshotException("The source ended before the snapshot was whole."));
              }
            });
  }

  private void onInbound(Inbound event) {
    if (event instanceof Inbound.Question question) {
      try {
        answer(question);
      } catch (IOException | IllegalArgumentException e) {
        failure = e;
        question.reply(Response.error());
      }
    } else if (event instanceof Inbound.Closed closed) {
      onClosed(closed.cause());
    }
  }

  /** What a source does with a snapshot that is whole does not matter any more. */
  private void onClosed(Throwable cause) {
    if (!committed && failure == null) {
      failure = cause;
    }
  }

  private void answer(Inbound.Question question) throws IOException {
    if (question instanceof Inbound.MemoryFd descriptor) {
      keep(descriptor.slot(), descriptor.fd());
    } else if (question instanceof Inbound.Config configuration) {
      configure(configuration);
    } else if (question instanceof Inbound.State state) {
      writer.state(state.json());
    } else if (question instanceof Inbound.Complete) {
      store();
    } else if (question instanceof Inbound.Abandon) {
      failure = new SnapshotException("The source gave the snapshot up.");
    }
    question.reply(Response.ok());
  }

  private void keep(int slot, OwnedFd fd) throws IOException {
    Memfd file;
    try {
      file = Memfd.adopt(fd);
    } catch (IOException | IllegalArgumentException e) {
      fd.close();
      throw e;
    }
    if (memory.putIfAbsent(slot, file) != null) {
      file.close();
      throw new ProtocolException("each slot's memory once", "slot " + slot + " twice");
    }
  }

  private void configure(Inbound.Config event) throws IOException {
    VmMigrationConfig parsed = VmMigrationConfig.parse(event.json());
    for (GuestRamMapping slot : parsed.mappings()) {
      Memfd file = memory.get(slot.slot());
      if (file == null) {
        throw new ProtocolException("the memory of slot " + slot.slot(), "none");
      }
      if (!slot.isInFileOf(file.sizeBytes())) {
        throw new ProtocolException(
            "a file of " + (slot.fileOffset() + slot.size()) + " bytes for slot " + slot.slot(),
            file.sizeBytes() + " bytes");
      }
    }
    config = parsed;
    writer.config(event.json());
    progress.begins(parsed.memoryBytes());
  }

  private void store() throws IOException {
    // Both are there: the protocol's states see to the one, configure to the other.
    for (GuestRamMapping slot : Objects.requireNonNull(config).mappings()) {
      Memfd file = Objects.requireNonNull(memory.get(slot.slot()));
      MemorySource source = new FileMemory(file.file(), slot.fileOffset(), slot.size());
      writer.memory(slot, source, progress::done);
    }
    writer.commit();
    committed = true;
  }

  /** Closes the writer and the source's memory. */
  @Override
  public void close() {
    memory.values().forEach(Memfd::close);
    writer.close();
  }
}
