package io.vmferry.actors.migration;

import io.vmferry.actors.machine.NotEnoughMemoryException;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.kvm.KvmUnavailableException;
import io.vmferry.streams.transport.PeerStalledException;
import io.vmferry.streams.transport.PeerUnreachableException;
import io.vmferry.streams.wire.PeerRefusedException;
import io.vmferry.streams.wire.ProtocolException;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletionException;

/** Turns an exception of a migration step into a code and one sentence for the user. */
public final class Failures {
  private Failures() {}

  /** The exception that matters, out of the wrappers futures and streams put around it. */
  public static Throwable root(Throwable cause) {
    Throwable root = cause;
    while ((root instanceof CompletionException || root instanceof UncheckedIOException)
        && root.getCause() != null) {
      root = root.getCause();
    }
    return root;
  }

  /** Who must act. */
  public static FailureCode code(Throwable cause) {
    Throwable root = root(cause);
    if (root instanceof MigrationException refused) {
      return refused.code();
    } else if (root instanceof NotEnoughMemoryException) {
      return FailureCode.NOT_ENOUGH_MEMORY;
    } else if (root instanceof KvmUnavailableException) {
      return FailureCode.NO_HYPERVISOR;
    } else if (root instanceof PeerRefusedException) {
      return FailureCode.PEER_REFUSED;
    } else if (root instanceof PeerStalledException) {
      return FailureCode.PEER_SILENT;
    } else if (root instanceof ProtocolException) {
      return FailureCode.PROTOCOL_VIOLATION;
    } else if (root instanceof PeerUnreachableException) {
      return FailureCode.PEER_UNREACHABLE;
    } else if (root instanceof IOException) {
      return FailureCode.PEER_LOST;
    }
    return FailureCode.INTERNAL;
  }

  /** One sentence, capital first, ending with a full stop. */
  public static String sentence(Throwable cause) {
    Throwable root = root(cause);
    if (root instanceof EOFException) {
      return "The peer closed the connection.";
    }
    String message = root.getMessage();
    if (message == null || message.isBlank()) {
      return "An unexpected " + root.getClass().getSimpleName() + " ended the migration.";
    }
    String text = Character.toUpperCase(message.charAt(0)) + message.substring(1);
    return text.endsWith(".") ? text : text + ".";
  }
}
