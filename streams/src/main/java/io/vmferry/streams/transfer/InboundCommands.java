package io.vmferry.streams.transfer;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.protocol.DestinationState;
import io.vmferry.streams.protocol.VersionCheck;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Payloads;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.MigrationKey;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import io.vmferry.streams.wire.WireLimits;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongConsumer;
import org.apache.pekko.NotUsed;
import org.apache.pekko.stream.Attributes;
import org.apache.pekko.stream.Outlet;
import org.apache.pekko.stream.SourceShape;
import org.apache.pekko.stream.javadsl.Source;
import org.apache.pekko.stream.stage.AbstractOutHandler;
import org.apache.pekko.stream.stage.AsyncCallback;
import org.apache.pekko.stream.stage.GraphStage;
import org.apache.pekko.stream.stage.GraphStageLogic;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * The main connection of a destination as a source of events, one at a time: a command is checked
 * against the state, its payload read, and the next is read after the consumer has answered. Memory
 * is carried out here, once the consumer has handed over the guest's memory. All that is read from
 * the peer is read on a fenced thread.
 *
 * <p>The stream ends after the answer to Complete, CompletePaused or Abandon, after an error
 * answer, or with {@link Inbound.Closed}; where RECOVERY was agreed not after Complete, but with
 * {@link Inbound.Settled}. It never closes the connection: the consumer does, and that is also how
 * to end a stream that waits for the peer.
 */
public final class InboundCommands extends GraphStage<SourceShape<Inbound>> {
  private final Outlet<Inbound> out = Outlet.create("InboundCommands.out");
  private final SourceShape<Inbound> shape = SourceShape.of(out);
  private final Connection connection;

  private InboundCommands(Connection connection) {
    this.connection = connection;
  }

  /**
   * The events of a connection, on the blocking dispatcher.
   *
   * @param connection fresh: the first frame is Start
   */
  public static Source<Inbound, NotUsed> source(Connection connection) {
    return Source.fromGraph(new InboundCommands(connection))
        .async(PrecopySender.BLOCKING_DISPATCHER, 1);
  }

  @Override
  public SourceShape<Inbound> shape() {
    return shape;
  }

  @Override
  public GraphStageLogic createLogic(Attributes attributes) {
    return new Logic();
  }

  /** What the consumer said, with the memory if it was asked about Config. */
  private record Said(Response response, @Nullable MemoryReceiver receiver) {}

  private final class Logic extends HearingLogic {
    private final ByteBuffer header = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES);
    private final AsyncCallback<Said> answered = createAsyncCallback(this::onAnswer);
    private DestinationState state = DestinationState.ESTABLISHED;
    private DestinationState stateAfterAnswer = DestinationState.ESTABLISHED;
    private Extensions agreed = Extensions.NONE;
    private @Nullable MemoryReceiver receiver;
    private boolean awaitsAnswer;
    private int descriptors;

    Logic() {
      super(shape, "main-" + connection.describe());
      setHandler(
          out,
          new AbstractOutHandler() {
            @Override
            public void onPull() {
              if (!awaitsAnswer) {
                next();
              }
            }
          });
    }

    private void next() {
      try {
        Inbound event = hear(this::read);
        if (event instanceof Inbound.Settled) {
          emit(out, event, this::completeStage);
        } else {
          awaitsAnswer = event instanceof Inbound.Question;
          push(out, event);
        }
      } catch (ProtocolException e) {
        refuse(e);
      } catch (IOException e) {
        close(e);
      }
    }

    /** Whoever is connected and says nothing must not keep the place of a source. */
    private @Nullable Request readRequest() throws IOException {
      if (state != DestinationState.ESTABLISHED) {
        return MemoryReceiver.readRequest(connection, header, agreed);
      }
      connection.setReadTimeout(WireLimits.START_TIMEOUT);
      Request first = MemoryReceiver.readRequest(connection, header, agreed);
      connection.setReadTimeout(Duration.ZERO);
      return first;
    }

    private Inbound read() throws IOException {
      Request request = readRequest();
      if (request == null) {
        throw new EOFException("The source closed " + connection.describe() + '.');
      }
      try {
        stateAfterAnswer = state.next(request.command(), agreed);
        return carriedOut(request, WireLimits.check(request));
      } catch (ProtocolException e) {
        throw e.offset() >= 0 ? e : e.atOffset(connection.bytesRead() - WireFormat.REQUEST_BYTES);
      }
    }

    private Inbound carriedOut(Request request, int length) throws IOException {
      return switch (request.command()) {
        case START -> started(request);
        case MEMORY_FD -> receivedDescriptor();
        case CONFIG -> new Inbound.Config(payload(length), new Pending());
        case MEMORY, MEMORY_ZERO, MEMORY_COMPRESSED -> receivedMemory(request);
        case DISCARD -> new Inbound.Discard(discarded(request), new Pending());
        case STATE -> new Inbound.State(payload(length), new Pending());
        case COMPLETE -> new Inbound.Complete(false, new Pending());
        case COMPLETE_PAUSED -> new Inbound.Complete(true, new Pending());
        case IDENTIFY -> new Inbound.Identify(key(length), new Pending());
        case SETTLED -> new Inbound.Settled();
        case ABANDON -> new Inbound.Abandon(new Pending());
        case PAGE_FAULT, PREFAULT, PUSHED, FILLED, OWNER, MISSING, ALIVE ->
            throw new IllegalStateException("no state permits " + request);
      };
    }

    private Inbound started(Request request) throws ProtocolException {
      VersionCheck.check(request);
      return new Inbound.Start(request.extensions(), new Pending());
    }

    private ByteString payload(int length) throws IOException {
      return ByteString.fromArrayUnsafe(Payloads.read(connection, length));
    }

    private MigrationKey key(int length) throws IOException {
      return MigrationKey.decode(ByteBuffer.wrap(Payloads.read(connection, length)));
    }

    private Inbound receivedDescriptor() throws IOException {
      if (!connection.passesDescriptors()) {
        throw new ProtocolException(
            Command.MEMORY_FD + " over a UNIX socket only", "one over " + connection.describe());
      }
      if (++descriptors > WireLimits.MEMORY_FDS) {
        throw new ProtocolException(
            "at most " + WireLimits.MEMORY_FDS + " descriptors of memory", "another");
      }
      ByteBuffer slot = ByteBuffer.allocate(WireFormat.SLOT_BYTES).order(WireFormat.ORDER);
      OwnedFd fd = connection.receiveWithFd(slot);
      return new Inbound.MemoryFd(slot.flip().getInt(), fd, new Pending());
    }

    private MemoryRangeTable discarded(Request request) throws IOException {
      return memoryReceiver().receiveTable(connection, request);
    }

    private MemoryReceiver memoryReceiver() throws ProtocolException {
      if (receiver == null) {
        throw new ProtocolException("no Memory, as this guest's memory is not sent", "one")
            .inState(state.name());
      }
      return receiver;
    }

    private Inbound receivedMemory(Request request) throws IOException {
      ReceivedMemory received = memoryReceiver().receive(connection, request);
      state = stateAfterAnswer;
      write(Response.ok());
      return new Inbound.Memory(received);
    }

    private void onAnswer(Said said) {
      awaitsAnswer = false;
      try {
        write(said.response());
      } catch (IOException e) {
        close(e);
        return;
      }
      if (said.receiver() != null) {
        receiver = said.receiver();
      }
      if (state == DestinationState.ESTABLISHED) {
        agreed = said.response().extensions();
      }
      state = said.response().isOk() ? stateAfterAnswer : DestinationState.ABORTED;
      if (state.isFinal(agreed)) {
        completeStage();
      } else if (isAvailable(out)) {
        next();
      }
    }

    private void refuse(ProtocolException reason) {
      try {
        write(Response.error());
      } catch (IOException e) {
        reason.addSuppressed(e);
      }
      close(reason);
    }

    private void close(IOException cause) {
      emit(out, new Inbound.Closed(state.name(), cause), this::completeStage);
    }

    private void write(Response response) throws IOException {
      header.clear();
      response.encode(header);
      connection.writeFully(header.flip());
    }

    /** The answer to the command under way. */
    private final class Pending implements Inbound.ConfigAnswer {
      private final AtomicBoolean done = new AtomicBoolean();

      @Override
      public void reply(Response response) {
        say(new Said(response, null));
      }

      @Override
      public void accept(GuestMemory memory, LongConsumer progress) {
        say(new Said(Response.ok(), new MemoryReceiver(memory, agreed, progress)));
      }

      private void say(Said said) {
        if (!done.compareAndSet(false, true)) {
          throw new IllegalStateException("answered before");
        }
        answered.invoke(said);
      }
    }
  }
}
