package io.vmferry.actors.ownership;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.vm.GuestIdentity;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.wire.MigrationKey;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OwnershipLedgerTest {
  private static final VmSpec SPEC =
      new VmSpec("web", 2, 16L << 20, PageSize.KIB_4, new GuestSource.Standard(4096, 0));
  private static final Handover HANDOVER =
      new Handover("m-1", "tcp:far:1", null, MigrationKey.random(), true);

  @TempDir private Path directory;

  private OwnershipLedger open() throws IOException {
    return OwnershipLedger.open(directory.resolve("ownership"));
  }

  private static ArrivalRecord arrival(MigrationKey key) {
    return new ArrivalRecord("m-2", "tcp:here:1", null, null, 64, key, false);
  }

  /** What a new run finds. */
  private GuestRecord found() throws IOException {
    return open().find("web");
  }

  @Test
  void aGuestThatWasHereIsLost() throws IOException {
    open().create(SPEC);

    GuestRecord found = found();

    assertEquals(Place.LOST, found.place());
    assertEquals(SPEC, found.spec());
    assertEquals(1, found.identity().generation());
  }

  @Test
  void aGuestThatWasRemovedIsForgotten() throws IOException {
    OwnershipLedger ledger = open();
    ledger.create(SPEC);

    ledger.remove("web");

    assertNull(ledger.find("web"));
    assertNull(found());
  }

  @Test
  void aHandoverIsUnknownUntilItIsSettled() throws IOException {
    OwnershipLedger ledger = open();
    ledger.create(SPEC);
    Departure departure = ledger.depart("web");

    departure.prepare(HANDOVER);
    departure.handingOver(HANDOVER);
    assertEquals(Place.HANDOVER_UNKNOWN, found().place());
    assertEquals(HANDOVER, found().handover());

    departure.handedOver("m-1");
    assertEquals(Place.HANDED_OVER, found().place());
  }

  @Test
  void aHandoverThatIsOnlyPreparedIsNone() throws IOException {
    OwnershipLedger ledger = open();
    ledger.create(SPEC);

    ledger.depart("web").prepare(HANDOVER);

    assertEquals(Place.LOST, found().place());
  }

  @Test
  void anOldMigrationDoesNotSettleANewOne() throws IOException {
    OwnershipLedger ledger = open();
    ledger.create(SPEC);
    Departure departure = ledger.depart("web");
    departure.prepare(HANDOVER);
    departure.handingOver(HANDOVER);

    departure.kept("m-0");

    assertEquals(Place.HANDOVER_UNKNOWN, found().place());
  }

  @Test
  void aGuestThatStayedIsHereAgain() throws IOException {
    OwnershipLedger ledger = open();
    ledger.create(SPEC);
    Departure departure = ledger.depart("web");
    departure.prepare(HANDOVER);
    departure.handingOver(HANDOVER);

    departure.kept("m-1");

    assertEquals(Place.HERE, ledger.find("web").place());
    assertNull(ledger.find("web").handover());
  }

  @Test
  void anArrivalThatWasNotTakenLeavesNoGuestAndAnswersForTheSource() throws IOException {
    MigrationKey key = MigrationKey.random();
    open().arrive(SPEC, null, arrival(key));

    OwnershipLedger again = open();

    assertEquals(List.of(), again.guests());
    assertEquals(List.of(arrival(key)), again.openArrivals());
  }

  @Test
  void anArrivalThatWasTakenIsAGuestOfThisHost() throws IOException {
    GuestIdentity identity = new GuestIdentity(UUID.randomUUID(), 7);
    Arrival arrival = open().arrive(SPEC, identity, arrival(MigrationKey.random()));

    arrival.take();
    OwnershipLedger again = open();

    assertEquals(Place.LOST, again.find("web").place());
    assertEquals(identity, again.find("web").identity());
    assertTrue(again.openArrivals().get(0).taken());
  }

  @Test
  void anArrivalThatCouldNotRunIsTheSourcesAgain() throws IOException {
    Arrival arrival = open().arrive(SPEC, null, arrival(MigrationKey.random()));
    arrival.take();

    arrival.discard();
    OwnershipLedger again = open();

    assertNull(again.find("web"));
    assertFalse(again.openArrivals().get(0).taken());
  }

  @Test
  void anArrivalThatWasDiscardedCannotBeTaken() throws IOException {
    Arrival arrival = open().arrive(SPEC, null, arrival(MigrationKey.random()));
    arrival.discard();

    assertThrows(IOException.class, arrival::take);
  }

  @Test
  void aClosedArrivalLeavesOnlyTheGuest() throws IOException {
    OwnershipLedger ledger = open();
    Arrival arrival = ledger.arrive(SPEC, null, arrival(MigrationKey.random()));
    arrival.take();

    arrival.close();
    arrival.discard();

    assertEquals(Place.HERE, ledger.find("web").place());
    assertEquals(List.of(), open().openArrivals());
    assertNotNull(found());
  }

  @Test
  void whatWasHalfWrittenIsNotThere() throws IOException {
    open().create(SPEC);
    Path guests = directory.resolve("ownership/guests");
    Files.writeString(guests.resolve("web.json.new"), "{\"pla");

    assertEquals(SPEC, found().spec());
    assertFalse(Files.exists(guests.resolve("web.json.new")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{}", "null", "{}x", "{\"place\": \"NOWHERE\"}"})
  void aDamagedRecordIsNotPassedOver(String damaged) throws IOException {
    open().create(SPEC);
    Files.writeString(directory.resolve("ownership/guests/web.json"), damaged);

    assertThrows(IOException.class, this::open);
  }

  @Test
  void filesAreForTheirOwnerAlone() throws IOException {
    OwnershipLedger ledger = open();
    ledger.create(SPEC);
    ledger.arrive(SPEC, null, arrival(MigrationKey.random()));

    try (Stream<Path> all = Files.walk(directory.resolve("ownership"))) {
      for (Path path : all.toList()) {
        String mode = PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
        assertEquals(Files.isDirectory(path) ? "rwx------" : "rw-------", mode, path::toString);
      }
    }
  }

  @Test
  void noRecordTellsItsKey() {
    assertTrue(HANDOVER.toString().contains("key=MigrationKey,"), HANDOVER::toString);
    String arrival = arrival(MigrationKey.random()).toString();
    assertTrue(arrival.contains("key=MigrationKey,"), arrival);
  }

  @Test
  void anOperatorsWordOutlivesWhatTheDestinationBelieves() throws IOException {
    OwnershipLedger ledger = open();
    ledger.create(SPEC);
    Departure departure = ledger.depart("web");
    GuestIdentity there = departure.next();
    departure.prepare(HANDOVER);
    departure.handingOver(HANDOVER);

    ledger.takeOver("web");

    assertEquals(Place.HERE, ledger.find("web").place());
    assertTrue(ledger.find("web").identity().succeeds(there));
  }
}
