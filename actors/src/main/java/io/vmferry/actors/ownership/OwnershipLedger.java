package io.vmferry.actors.ownership;

import io.vmferry.actors.vm.GuestIdentity;
import io.vmferry.actors.vm.VmSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The guests of one host and where they are, on disk: a crash of the daemon forgets none.
 *
 * <p>Thread-safe. What changes a record blocks until the change is on disk; what reads one does
 * not.
 *
 * <p>Source: docs/decisions/0019-ownership-on-disk.md.
 */
public final class OwnershipLedger {
  private final RecordStore<GuestRecord> guestFiles;
  private final RecordStore<ArrivalRecord> arrivalFiles;
  private final Map<String, GuestRecord> guests = new ConcurrentSkipListMap<>();
  private final List<ArrivalRecord> openArrivals = new ArrayList<>();

  private OwnershipLedger(
      RecordStore<GuestRecord> guestFiles, RecordStore<ArrivalRecord> arrivalFiles) {
    this.guestFiles = guestFiles;
    this.arrivalFiles = arrivalFiles;
  }

  /**
   * Reads what the last run of the daemon left. Its guests are gone: what was here is lost, what
   * was arriving is lost or never came.
   *
   * @param directory made if it is not there; nobody else uses it
   * @throws IOException if a record cannot be read or written
   */
  public static OwnershipLedger open(Path directory) throws IOException {
    OwnershipLedger ledger =
        new OwnershipLedger(
            RecordStore.open(GuestRecord.class, directory.resolve("guests")),
            RecordStore.open(ArrivalRecord.class, directory.resolve("arrivals")));
    ledger.takeStock();
    return ledger;
  }

  /** A ledger of a host that may forget: nothing is written. */
  public static OwnershipLedger forgetful() {
    return new OwnershipLedger(
        RecordStore.none(GuestRecord.class), RecordStore.none(ArrivalRecord.class));
  }

  private void takeStock() throws IOException {
    List<ArrivalRecord> arrivals = arrivalFiles.readAll();
    for (GuestRecord found : guestFiles.readAll()) {
      boolean came =
          found.place() != Place.ARRIVING
              || arrivals.stream().anyMatch(a -> found.arrivesBy(a.id()) && a.taken());
      if (!came) {
        guestFiles.remove(found.name());
      } else if (found.place() == Place.ARRIVING || found.place() == Place.HERE) {
        put(found.at(Place.LOST));
      } else {
        guests.put(found.name(), found);
      }
    }
    for (ArrivalRecord arrival : arrivals) {
      if (arrival.key() == null) {
        arrivalFiles.remove(arrival.id());
      } else {
        openArrivals.add(arrival);
      }
    }
  }

  /** The guests, by name. */
  public List<GuestRecord> guests() {
    return List.copyOf(guests.values());
  }

  /** Arrivals of the last run whose sources may come back and ask. */
  public List<ArrivalRecord> openArrivals() {
    return List.copyOf(openArrivals);
  }

  /** What is known of a guest, or null if it is not known here. */
  public @Nullable GuestRecord find(String name) {
    return guests.get(name);
  }

  /** Writes down a guest that was made here. */
  public void create(VmSpec spec) throws IOException {
    put(GuestRecord.here(spec, GuestIdentity.create()));
  }

  /**
   * Writes down that a guest is being received.
   *
   * @param identity what the source says it is for its next owner; null if it says nothing
   */
  public Arrival arrive(VmSpec spec, @Nullable GuestIdentity identity, ArrivalRecord record)
      throws IOException {
    arrivalFiles.put(record.id(), record);
    put(
        GuestRecord.arriving(
            spec, identity == null ? GuestIdentity.create() : identity, record.id()));
    return new Arrival(this, arrivalFiles, record, spec.name());
  }

  /** A guest that is to be handed over. */
  public Departure depart(String name) {
    return new Departure(this, name);
  }

  /** Forgets a guest. */
  public synchronized void remove(String name) throws IOException {
    guestFiles.remove(name);
    guests.remove(name);
  }

  /** The source of an arrival of the last run knows how it ended, or stays away. */
  public void close(ArrivalRecord arrival) throws IOException {
    arrivalFiles.remove(arrival.id());
  }

  /** What is known now of a guest that the last run had. */
  public void settle(GuestRecord guest, Place place) throws IOException {
    update(guest.name(), guest::equals, record -> record.at(place));
  }

  /** The operator says that a handover was not taken, whatever the destination believes. */
  public void takeOver(String name) throws IOException {
    update(
        name,
        record -> record.place() == Place.HANDOVER_UNKNOWN || record.place() == Place.ENDED_THERE,
        record -> GuestRecord.here(record.spec(), record.identity().next().next()));
  }

  /** The daemon was told to stop, and every guest has ended. */
  public synchronized void stop() throws IOException {
    for (GuestRecord record : guests()) {
      if (record.place() == Place.HERE) {
        put(record.at(Place.STOPPED));
      }
    }
  }

  synchronized void update(
      String name, Predicate<GuestRecord> which, UnaryOperator<GuestRecord> change)
      throws IOException {
    GuestRecord record = guests.get(name);
    if (record != null && which.test(record)) {
      put(change.apply(record));
    }
  }

  /** Removes it only if it is still the one that is meant. */
  synchronized void remove(String name, Predicate<GuestRecord> which) throws IOException {
    GuestRecord record = guests.get(name);
    if (record != null && which.test(record)) {
      remove(name);
    }
  }

  /** Prepares {@link #commit}. */
  synchronized void stage(GuestRecord record) throws IOException {
    guestFiles.stage(record.name(), record);
  }

  /** Puts what was staged in place; fails if something else was written since. */
  synchronized void commit(GuestRecord record) throws IOException {
    guestFiles.commit(record.name());
    guests.put(record.name(), record);
  }

  private synchronized void put(GuestRecord record) throws IOException {
    guestFiles.put(record.name(), record);
    guests.put(record.name(), record);
  }
}
