package io.vmferry.actors.migration;

import io.vmferry.actors.ownership.ArrivalRecord;
import io.vmferry.actors.ownership.OwnershipLedger;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transfer.ResumeServing;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.GuestOwner;
import io.vmferry.streams.wire.MigrationKey;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Base64;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers the source of a migration whose destination was an earlier run of this host's daemon:
 * whether the guest had been taken then. It listens where that run did, for as long as a
 * destination lingers.
 *
 * <p>States: binding (again and again, until the address is free), answering.
 */
public final class DestinationWitness {
  /** What a witness is told. */
  public sealed interface Command {}

  record Listening(Reception reception) implements Command {}

  record ListenFailed(Throwable cause) implements Command {}

  record BindAgain() implements Command {}

  record LingerOver() implements Command {}

  private static final Logger LOG = LoggerFactory.getLogger(DestinationWitness.class);
  private static final Duration BIND_PAUSE = Duration.ofSeconds(1);

  private final ActorContext<Command> context;
  private final ArrivalRecord record;
  private final OwnershipLedger ledger;
  private final Executor blocking;
  private boolean warned;

  private DestinationWitness(
      ActorContext<Command> context, ArrivalRecord record, OwnershipLedger ledger) {
    this.context = context;
    this.record = record;
    this.ledger = ledger;
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
  }

  /**
   * A witness that listens at once; it ends by itself, and closes the record.
   *
   * @param record of an arrival that has a key
   */
  public static Behavior<Command> create(ArrivalRecord record, OwnershipLedger ledger) {
    return Behaviors.setup(
        context -> {
          context.scheduleOnce(
              SessionTimeouts.of(context.getSystem()).linger(),
              context.getSelf(),
              new LingerOver());
          return new DestinationWitness(context, record, ledger).bind();
        });
  }

  private Behavior<Command> bind() {
    context.pipeToSelf(
        CompletableFuture.supplyAsync(() -> Steps.call(this::listen), blocking),
        (listening, failure) ->
            failure == null ? new Listening(listening) : new ListenFailed(failure));
    return binding();
  }

  private Reception listen() throws IOException {
    return Reception.listenAgain(
        record.url(),
        record.tlsDir(),
        certificate(record.sourceCertificate()),
        new Extensions(record.extensions()),
        new Answers(record),
        context.getSystem());
  }

  private static @Nullable X509Certificate certificate(@Nullable String encoded)
      throws IOException {
    if (encoded == null) {
      return null;
    }
    try {
      return (X509Certificate)
          CertificateFactory.getInstance("X.509")
              .generateCertificate(new ByteArrayInputStream(Base64.getDecoder().decode(encoded)));
    } catch (CertificateException | IllegalArgumentException e) {
      throw new IOException("The recorded certificate of the source is damaged.", e);
    }
  }

  private Behavior<Command> binding() {
    return Behaviors.receive(Command.class)
        .onMessage(Listening.class, m -> onListening(m.reception()))
        .onMessage(ListenFailed.class, m -> onListenFailed(m.cause()))
        .onMessage(BindAgain.class, m -> bind())
        .onMessage(LingerOver.class, m -> end(null))
        .build();
  }

  private Behavior<Command> onListening(Reception reception) {
    context
        .getLog()
        .info(
            "Migration {} of an earlier run: its source is awaited at {} again",
            record.id(),
            reception.url());
    reception.accept();
    return Behaviors.receive(Command.class)
        .onMessage(LingerOver.class, m -> end(reception))
        .onAnyMessage(m -> Behaviors.same())
        .onSignal(PostStop.class, s -> close(reception))
        .build();
  }

  private Behavior<Command> onListenFailed(Throwable cause) {
    if (!warned) {
      warned = true;
      context
          .getLog()
          .warn(
              "Migration {} of an earlier run: its source cannot be answered yet: {}",
              record.id(),
              Failures.sentence(cause));
    }
    context.scheduleOnce(BIND_PAUSE, context.getSelf(), new BindAgain());
    return Behaviors.same();
  }

  private Behavior<Command> end(@Nullable Reception reception) {
    if (reception != null) {
      reception.close();
    }
    blocking.execute(this::closeRecord);
    return Behaviors.stopped();
  }

  private void closeRecord() {
    try {
      ledger.close(record);
    } catch (IOException e) {
      // The next run reads it again, and waits in vain.
      LOG.warn("Migration {}: its record cannot be removed", record.id(), e);
    }
  }

  private static Behavior<Command> close(Reception reception) {
    reception.close();
    return Behaviors.same();
  }

  /** What the record says. */
  private record Answers(ArrivalRecord record) implements ResumeServing.Answers {
    @Override
    public boolean knows(MigrationKey key) {
      return key.equals(record.key());
    }

    @Override
    public GuestOwner owner() {
      return record.taken() ? GuestOwner.NOBODY : GuestOwner.SOURCE;
    }

    @Override
    public PresentBitmap present() throws IOException {
      throw new IOException("The guest's memory ended with the daemon.");
    }

    @Override
    public GuestPages pages() throws IOException {
      throw new IOException("The guest's memory ended with the daemon.");
    }
  }
}
