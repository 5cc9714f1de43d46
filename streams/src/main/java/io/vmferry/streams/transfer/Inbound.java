package io.vmferry.streams.transfer;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.MigrationKey;
import io.vmferry.streams.wire.Response;
import java.util.function.LongConsumer;
import org.apache.pekko.util.ByteString;

/** What the main connection of a destination brought, in the order of the protocol. */
public sealed interface Inbound {

  /** Sends one answer; any thread, once. */
  interface Answer {
    /**
     * Answers. An error ends the stream after it was sent.
     *
     * @throws IllegalStateException if it was answered before
     */
    void reply(Response response);
  }

  /** Also hands over the memory that Memory commands fill; any thread, once. */
  interface ConfigAnswer extends Answer {
    /**
     * Answers ok.
     *
     * @param memory the new guest's memory; it must stay mapped while the stream runs
     * @param progress told the bytes of each read, from the stream's thread
     * @throws IllegalStateException if it was answered before
     */
    void accept(GuestMemory memory, LongConsumer progress);
  }

  /** A command that the consumer must answer; the next one is read after that. */
  sealed interface Question extends Inbound {
    /** Where the answer goes. */
    Answer answer();

    /** Answers; see {@link Answer#reply}. */
    default void reply(Response response) {
      answer().reply(response);
    }
  }

  /**
   * The source opens the migration, in a version that fits. The extensions in the answer are the
   * migration's from there on.
   *
   * @param extensions what the source offers
   */
  record Start(Extensions extensions, Answer answer) implements Question {}

  /** The migration's key: later connections that bring it belong to the migration. */
  record Identify(MigrationKey key, Answer answer) implements Question {}

  /**
   * The memory of a slot.
   *
   * @param slot KVM memslot number as the source counts
   * @param fd the consumer owns it
   */
  record MemoryFd(int slot, OwnedFd fd, Answer answer) implements Question {}

  /**
   * The guest's configuration.
   *
   * @param json exactly the bytes that came
   */
  record Config(ByteString json, ConfigAnswer answer) implements Question {
    /** Answers ok and hands over the memory; see {@link ConfigAnswer#accept}. */
    public void accept(GuestMemory memory, LongConsumer progress) {
      answer.accept(memory, progress);
    }
  }

  /** A Memory, or one of its extensions, was carried out and answered. */
  record Memory(ReceivedMemory received) implements Inbound {}

  /**
   * What came for these pages is out of date, or nothing did: they come once the guest runs.
   *
   * @param pages not checked against the guest's memory
   */
  record Discard(MemoryRangeTable pages, Answer answer) implements Question {}

  /**
   * The state of vCPUs and devices.
   *
   * @param json exactly the bytes that came
   */
  record State(ByteString json, Answer answer) implements Question {}

  /**
   * The guest is this side's once ok is answered.
   *
   * @param paused whether it stays paused
   */
  record Complete(boolean paused, Answer answer) implements Question {}

  /** The source knows that the guest is this side's; the last event. */
  record Settled() implements Inbound {}

  /** The source gives up. */
  record Abandon(Answer answer) implements Question {}

  /**
   * The connection ended before the migration did; the last event. A broken rule was answered with
   * an error.
   *
   * @param state the state it was in, a name of {@link
   *     io.vmferry.streams.protocol.DestinationState}
   */
  record Closed(String state, Throwable cause) implements Inbound {}
}
