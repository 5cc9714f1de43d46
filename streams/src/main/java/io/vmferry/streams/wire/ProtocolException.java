package io.vmferry.streams.wire;

import java.io.IOException;
import java.util.Locale;

/**
 * The peer broke the migration protocol. The connection cannot be used any more: where the next
 * frame would begin is not known.
 *
 * <p>Carries what was expected and what came, and where the caller knows them, the state and the
 * stream offset.
 */
public final class ProtocolException extends IOException {
  private static final long serialVersionUID = 1L;
  private static final long UNKNOWN_OFFSET = -1;

  private final String expected;
  private final String actual;
  private final String state;
  private final long offset;

  /**
   * @param expected what the protocol allows here, as it fits after "expected"
   * @param actual what came instead, as it fits after "but got"
   */
  public ProtocolException(String expected, String actual) {
    this(expected, actual, "", UNKNOWN_OFFSET);
  }

  private ProtocolException(String expected, String actual, String state, long offset) {
    super(message(expected, actual, state, offset));
    this.expected = expected;
    this.actual = actual;
    this.state = state;
    this.offset = offset;
  }

  private static String message(String expected, String actual, String state, long offset) {
    StringBuilder text = new StringBuilder("Expected " + expected + " but got " + actual);
    if (!state.isEmpty()) {
      text.append(" in state ").append(state);
    }
    if (offset != UNKNOWN_OFFSET) {
      text.append(String.format(Locale.ROOT, " at stream offset %d", offset));
    }
    return text.append('.').toString();
  }

  /** The same failure, with the state the receiving side was in. */
  public ProtocolException inState(String name) {
    return rebuilt(new ProtocolException(expected, actual, name, offset));
  }

  /** The same failure, with the offset in bytes from the start of the connection. */
  public ProtocolException atOffset(long streamOffset) {
    return rebuilt(new ProtocolException(expected, actual, state, streamOffset));
  }

  private ProtocolException rebuilt(ProtocolException copy) {
    copy.setStackTrace(getStackTrace());
    return copy;
  }

  /** What the protocol allows there. */
  public String expected() {
    return expected;
  }

  /** What came instead. */
  public String actual() {
    return actual;
  }

  /** The state of the receiving side, empty if not known. */
  public String state() {
    return state;
  }

  /** Bytes from the start of the connection, -1 if not known. */
  public long offset() {
    return offset;
  }
}
