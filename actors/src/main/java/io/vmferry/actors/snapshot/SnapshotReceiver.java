package io.vmferry.actors.snapshot;

import io.vmferry.actors.machine.MemoryBudget;
import io.vmferry.actors.migration.MainConnection;
import io.vmferry.actors.migration.Reception;
import io.vmferry.actors.migration.ReceptionEvents;
import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.snapshot.FileMemory;
import io.vmferry.streams.snapshot.MemorySource;
import io.vmferry.streams.snapshot.SlotMemory;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.SnapshotWriter;
import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Response;
import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.pekko.stream.KillSwitch;
import org.apache.pekko.stream.Materializer;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * Takes one snapshot: the destination of a migration, which keeps what comes. Memory is handed over
 * as descriptors, or sent into memory files of this side's. Complete is answered once all of it is
 * durable and in its place, and not before: the source may end then, and what is here is all that
 * there is of the guest.
 *
 * <p>Source: docs/protocol.md#local and #precopy.
 */
public final class SnapshotReceiver implements AutoCloseable {
  private final SnapshotWriter writer;
  private final SnapshotProgress progress;
  private final Map<Integer, Memfd> handedOver = new TreeMap<>();
  private final CompletableFuture<Void> taken = new CompletableFuture<>();
  // Of the reception's threads, one after the other; closed by another.
  private volatile @Nullable Reception reception;
  private volatile @Nullable KillSwitch commands;
  private volatile boolean passesDescriptors;
  private volatile Sandbox sandbox = Sandbox.OFF;
  private volatile @Nullable GuestMemory sent;
  private volatile @Nullable VmMigrationConfig config;
  private volatile @Nullable Throwable failure;
  private volatile boolean committed;
  private final AtomicLong receivedBytes = new AtomicLong();

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
   * Receives from the source that connects first, and stores.
   *
   * @param listener closed with this
   * @return completes when the snapshot is in its place and the source knows. Fails with {@link
   *     SnapshotException} if it cannot be stored or the source gave up, with {@link
   *     ProtocolException} if it sent what makes no snapshot (an error was answered), and with
   *     another {@link IOException} if the connection broke. The writer is to be closed then
   */
  public CompletionStage<Void> receive(Listener listener, Materializer materializer) {
    sandbox = Sandbox.of(materializer.system());
    Reception opened = Reception.ofVersion0(listener, new Events(), materializer);
    reception = opened;
    passesDescriptors = opened.passesDescriptors();
    opened.accept();
    return taken.minimalCompletionStage();
  }

  /**
   * Receives from a source that has come to a UNIX socket, and stores.
   *
   * @param main fresh; the caller closes it
   * @return as {@link #receive(Listener, Materializer)}
   */
  public CompletionStage<Void> receive(Connection main, Materializer materializer) {
    sandbox = Sandbox.of(materializer.system());
    passesDescriptors = true;
    Events events = new Events();
    commands = MainConnection.serve(main, events, events::failed, materializer);
    return taken.minimalCompletionStage();
  }

  /** What happens at the reception. */
  private final class Events implements ReceptionEvents {
    @Override
    public void sourceConnected() {}

    @Override
    public void inbound(Inbound event) {
      if (event instanceof Inbound.Question question) {
        try {
          answer(question);
        } catch (IOException | IllegalArgumentException e) {
          failure = e;
          question.reply(Response.error());
        }
      }
    }

    /** A guest without its memory makes no snapshot: State is refused then. */
    @Override
    public void faultConnection(Connection connection) {
      connection.close();
    }

    @Override
    public void pushConnection(Connection connection) {
      connection.close();
    }

    @Override
    public void settled() {}

    @Override
    public void ended() {
      end(new SnapshotException("The source ended before the snapshot was whole."));
    }

    /** What a source does with a snapshot that is whole does not matter any more. */
    @Override
    public void failed(Throwable cause) {
      end(cause);
    }
  }

  /** What was answered with an error is the reason, not what came of that. */
  private void end(Throwable otherwise) {
    Throwable first = failure;
    if (committed) {
      taken.complete(null);
    } else {
      taken.completeExceptionally(first == null ? otherwise : first);
    }
  }

  private void answer(Inbound.Question question) throws IOException {
    if (question instanceof Inbound.MemoryFd descriptor) {
      keep(descriptor.slot(), descriptor.fd());
    } else if (question instanceof Inbound.Config configuration) {
      configure(configuration);
      return;
    } else if (question instanceof Inbound.State state) {
      state(state.json());
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
    if (handedOver.putIfAbsent(slot, file) != null) {
      file.close();
      throw new ProtocolException("each slot's memory once", "slot " + slot + " twice");
    }
  }

  private void configure(Inbound.Config event) throws IOException {
    VmMigrationConfig parsed =
        sandbox.compute(
            SandboxRole.HEARS_PEER, "config", () -> VmMigrationConfig.parse(event.json()));
    if (handedOver.isEmpty() && passesDescriptors) {
      // It would be sent next, as over TCP; Cloud Hypervisor's daemon refuses that too.
      throw new ProtocolException("the memory of every slot", "none; local=on hands it over");
    }
    if (handedOver.isEmpty()) {
      MemoryBudget.require(parsed.memoryBytes()); // it comes here before it is written
    } else {
      checkHandedOver(parsed);
    }
    config = parsed;
    writer.config(event.json());
    progress.begins(parsed.memoryBytes());
    if (!handedOver.isEmpty()) {
      event.reply(Response.ok());
      return;
    }
    GuestMemory memory = SlotMemory.create(parsed, PageSize.KIB_4);
    sent = memory;
    Objects.requireNonNull(reception).receiveInto(memory, Extensions.NONE, this::received);
    event.accept(memory, this::received);
  }

  private void received(long bytes) {
    receivedBytes.addAndGet(bytes);
    progress.done(bytes);
  }

  private void checkHandedOver(VmMigrationConfig parsed) throws ProtocolException {
    for (GuestRamMapping slot : parsed.mappings()) {
      Memfd file = handedOver.get(slot.slot());
      if (file == null) {
        throw new ProtocolException("the memory of slot " + slot.slot(), "none");
      }
      if (!slot.isInFileOf(file.sizeBytes())) {
        throw new ProtocolException(
            "a file of " + (slot.fileOffset() + slot.size()) + " bytes for slot " + slot.slot(),
            file.sizeBytes() + " bytes");
      }
    }
  }

  private void state(ByteString json) throws IOException {
    if (sent != null && receivedBytes.get() == 0) {
      throw new SnapshotException(
          "The source sent no memory before the guest's state; let it send with"
              + " memory_mode=precopy.");
    }
    writer.state(json);
  }

  private void store() throws IOException {
    VmMigrationConfig stored = Objects.requireNonNull(config); // the protocol's states see to that
    if (sent != null) {
      progress.begins(stored.memoryBytes()); // once more: first it came, now it is written
    }
    for (GuestRamMapping slot : stored.mappings()) {
      MemorySource source = new FileMemory(file(slot).file(), slot.fileOffset(), slot.size());
      writer.memory(slot, source, progress::done);
    }
    writer.commit();
    committed = true;
  }

  private Memfd file(GuestRamMapping slot) {
    GuestMemory memory = sent;
    return memory == null
        ? Objects.requireNonNull(handedOver.get(slot.slot()))
        : memory.regionAt(new Gpa(slot.gpa()), slot.size()).memfd();
  }

  /** Closes the reception, the writer and the memory. */
  @Override
  public void close() {
    Reception opened = reception;
    if (opened != null) {
      opened.close();
    }
    KillSwitch open = commands;
    if (open != null) {
      open.abort(new IOException("The snapshot was given up."));
    }
    handedOver.values().forEach(Memfd::close);
    GuestMemory memory = sent;
    if (memory != null) {
      memory.close();
    }
    writer.close();
  }
}
