package io.vmferry.streams.transfer;

import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Payloads;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.ConnectionRole;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.GuestOwner;
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
import org.jspecify.annotations.Nullable;

/**
 * The destination's end of a resume connection: proves that it belongs to the migration, then
 * answers what the source asks, until the source closes it.
 *
 * <p>{@link #run} blocks its thread. Source: docs/protocol.md#recovery.
 */
public final class ResumeServing {
  /** What a destination knows of its migration; may block, and is asked on one thread. */
  public interface Answers {
    /** Whether the key is the migration's. */
    boolean knows(MigrationKey key);

    /**
     * Who has the guest. What is answered once holds for ever.
     *
     * @throws IOException if that is not decided in time
     */
    GuestOwner owner() throws IOException;

    /**
     * The pages that are here; nobody brings any more until new connections come.
     *
     * @throws IOException if this guest is not in postcopy
     */
    PresentBitmap present() throws IOException;

    /** What the bits of {@link #present} stand for. */
    GuestPages pages() throws IOException;
  }

  private final Connection connection;
  private final Extensions agreed;
  private final Answers answers;
  private final Runnable resumed;
  private final ByteBuffer header = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES);

  /**
   * Serves a connection.
   *
   * @param connection behind its role header
   * @param agreed the migration's extensions, RECOVERY among them
   * @param resumed run once the key was right: what other connections the source had are dead
   */
  public ResumeServing(
      Connection connection, Extensions agreed, Answers answers, Runnable resumed) {
    this.connection = connection;
    this.agreed = agreed;
    this.answers = answers;
    this.resumed = resumed;
  }

  /**
   * Answers until the source closes the connection.
   *
   * @throws ProtocolException if a stranger asks, or what no resume connection carries comes; an
   *     error was answered
   * @throws IOException if the connection fails, or there is no answer; an error was answered
   */
  public void run() throws IOException {
    try {
      identify();
      resumed.run();
      for (Request request = read(); request != null; request = read()) {
        answer(request);
      }
    } catch (ProtocolException e) {
      write(Response.error());
      throw e;
    }
  }

  private @Nullable Request read() throws IOException {
    Request request = MemoryReceiver.readRequest(connection, header, agreed);
    if (request != null) {
      if (!ConnectionRole.RESUME.carries(request.command())) {
        throw new ProtocolException("a question on a resume connection", request.toString());
      }
      WireLimits.check(request);
    }
    return request;
  }

  private void identify() throws IOException {
    connection.setReadTimeout(WireLimits.ROLE_TIMEOUT);
    Request request = read();
    if (request == null) {
      // Nobody asked anything. An error would tell the source that it is a stranger, for good.
      throw new EOFException("the connection ended before Identify");
    }
    if (request.command() != Command.IDENTIFY) {
      throw new ProtocolException("Identify first", request.toString());
    }
    byte[] key = Payloads.read(connection, WireFormat.KEY_BYTES);
    if (!answers.knows(MigrationKey.decode(ByteBuffer.wrap(key)))) {
      throw new ProtocolException("the key of the migration here", "another");
    }
    connection.setReadTimeout(Duration.ZERO);
    write(Response.ok());
  }

  private void answer(Request request) throws IOException {
    try {
      if (request.command() == Command.OWNER) {
        GuestOwner owner = answers.owner();
        ByteBuffer frame =
            ByteBuffer.allocateDirect(WireFormat.RESPONSE_BYTES + WireFormat.OWNER_BYTES);
        Response.payload(WireFormat.OWNER_BYTES).encode(frame);
        owner.encode(frame);
        connection.writeFully(frame.flip());
      } else if (request.command() == Command.MISSING) {
        MissingRanges.write(connection, answers.pages(), answers.present());
      } else {
        throw new ProtocolException("Owner or Missing", request.toString());
      }
    } catch (ProtocolException e) {
      throw e;
    } catch (IOException e) {
      write(Response.error());
      throw e;
    }
  }

  private void write(Response response) throws IOException {
    header.clear();
    response.encode(header);
    connection.writeFully(header.flip());
  }
}
