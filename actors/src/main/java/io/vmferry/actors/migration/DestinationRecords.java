package io.vmferry.actors.migration;

import io.vmferry.actors.migration.MigrationDestination.Taken;
import io.vmferry.actors.ownership.Arrival;
import io.vmferry.actors.ownership.ArrivalRecord;
import io.vmferry.actors.vm.MachineConfig;
import java.io.IOException;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a {@link MigrationDestination} writes down. What protects a step blocks until it is on disk,
 * on a thread of the caller's; the rest is written later, and a crash before leaves what is true
 * too.
 */
final class DestinationRecords {
  private static final Logger LOG = LoggerFactory.getLogger(DestinationRecords.class);

  private final DestinationSession session;
  private volatile @Nullable Arrival arrival;

  DestinationRecords(DestinationSession session) {
    this.session = session;
  }

  /** The guest is being received. Blocking. */
  void begin(MachineConfig config) throws IOException {
    ReceiveOptions options = session.options();
    Reception reception = session.reception();
    arrival =
        session
            .gate()
            .ledger()
            .arrive(
                config.spec(),
                config.identity(),
                new ArrivalRecord(
                    session.id(),
                    reception.url(),
                    options.tlsDir(),
                    encoded(reception.sourceCertificate()),
                    session.agreed().bits(),
                    session.recovers() ? session.resume().key() : null,
                    false));
  }

  private static @Nullable String encoded(@Nullable X509Certificate certificate)
      throws IOException {
    try {
      return certificate == null
          ? null
          : Base64.getEncoder().encodeToString(certificate.getEncoded());
    } catch (CertificateEncodingException e) {
      throw new IOException("The source's certificate cannot be written down.", e);
    }
  }

  /** Complete has come: the guest is this host's. Blocking. */
  Taken take() throws IOException {
    Objects.requireNonNull(arrival).take();
    return new Taken();
  }

  /** The guest is the source's after all. Blocking. */
  void discard() throws IOException {
    Arrival begun = arrival;
    if (begun != null) {
      begun.discard();
    }
  }

  void discardLater() {
    later(this::discard);
  }

  /** The guest has come. */
  void settle() {
    later(Objects.requireNonNull(arrival)::settle);
  }

  /** Nobody will ask any more. */
  void close() {
    Arrival begun = arrival;
    if (begun != null) {
      later(begun::close);
    }
  }

  private void later(Steps.Step step) {
    session.blocking().execute(() -> write(step));
  }

  private void write(Steps.Step step) {
    try {
      step.run();
    } catch (Exception e) {
      LOG.error("Migration {}: its record cannot be written", session.id(), e);
    }
  }
}
