package io.vmferry.streams.transfer;

import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.pekko.stream.Attributes;
import org.apache.pekko.stream.Outlet;
import org.apache.pekko.stream.SourceShape;
import org.apache.pekko.stream.stage.AbstractOutHandler;
import org.apache.pekko.stream.stage.GraphStage;
import org.apache.pekko.stream.stage.GraphStageLogic;
import org.jspecify.annotations.Nullable;

/**
 * The receive loop of a memory connection: a command is read when there is demand, answered when
 * its bytes are in place, and then emitted. Blocks its dispatcher; what the peer sends is read on a
 * fenced thread.
 */
final class MemoryFramesStage extends GraphStage<SourceShape<ReceivedMemory>> {
  private final Outlet<ReceivedMemory> out = Outlet.create("MemoryFramesStage.out");
  private final SourceShape<ReceivedMemory> shape = SourceShape.of(out);
  private final Connection connection;
  private final MemoryReceiver receiver;

  MemoryFramesStage(Connection connection, MemoryReceiver receiver) {
    this.connection = connection;
    this.receiver = receiver;
  }

  @Override
  public SourceShape<ReceivedMemory> shape() {
    return shape;
  }

  @Override
  public GraphStageLogic createLogic(Attributes attributes) {
    return new Logic();
  }

  private final class Logic extends HearingLogic {
    private final ByteBuffer header = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES);

    Logic() {
      super(shape, "memory-" + connection.describe());
      setHandler(
          out,
          new AbstractOutHandler() {
            @Override
            public void onPull() {
              next();
            }
          });
    }

    private void next() {
      try {
        ReceivedMemory received = hear(this::receive);
        if (received == null) {
          completeStage();
        } else {
          push(out, received);
        }
      } catch (ProtocolException e) {
        refuse(e);
      } catch (IOException e) {
        connection.close();
        failStage(e);
      }
    }

    /** Null at the end. */
    private @Nullable ReceivedMemory receive() throws IOException {
      Request request = receiver.readRequest(connection, header);
      if (request == null) {
        return null;
      }
      ReceivedMemory received = receiver.receiveOnly(connection, request);
      answer(Response.ok());
      return received;
    }

    private void refuse(ProtocolException reason) {
      try {
        answer(Response.error());
      } catch (IOException e) {
        reason.addSuppressed(e);
      }
      connection.close();
      failStage(reason);
    }

    private void answer(Response response) throws IOException {
      header.clear();
      response.encode(header);
      connection.writeFully(header.flip());
    }
  }
}
