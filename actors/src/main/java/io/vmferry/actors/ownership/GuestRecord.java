package io.vmferry.actors.ownership;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.vmferry.actors.vm.GuestIdentity;
import io.vmferry.actors.vm.VmSpec;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What is on disk of one guest of this host.
 *
 * @param spec its configuration; the name is the record's
 * @param identity which guest it is, and the generation that this host holds or held
 * @param place where it is
 * @param arrivalId what brings it, while it is arriving
 * @param handover its last handover out of here, if that may have been taken
 */
@JsonNaming(SnakeCaseStrategy.class)
public record GuestRecord(
    VmSpec spec,
    GuestIdentity identity,
    Place place,
    @Nullable String arrivalId,
    @Nullable Handover handover) {

  /**
   * Checks that nothing lacks.
   *
   * @throws IllegalArgumentException if it may have been handed over, and not to whom
   */
  public GuestRecord {
    Objects.requireNonNull(spec);
    Objects.requireNonNull(identity);
    boolean needsHandover =
        switch (Objects.requireNonNull(place)) {
          case HANDOVER_UNKNOWN, HANDED_OVER, ENDED_THERE -> true;
          case ARRIVING, HERE, LOST, STOPPED -> false;
        };
    if (needsHandover && handover == null) {
      throw new IllegalArgumentException("A guest that is " + place + " has a handover");
    }
  }

  /** A guest that is here. */
  static GuestRecord here(VmSpec spec, GuestIdentity identity) {
    return new GuestRecord(spec, identity, Place.HERE, null, null);
  }

  static GuestRecord arriving(VmSpec spec, GuestIdentity identity, String arrivalId) {
    return new GuestRecord(spec, identity, Place.ARRIVING, arrivalId, null);
  }

  GuestRecord handingOver(Handover to) {
    return new GuestRecord(spec, identity, Place.HANDOVER_UNKNOWN, null, to);
  }

  /** The same guest elsewhere; what is known of its handover stays. */
  GuestRecord at(Place newPlace) {
    return new GuestRecord(spec, identity, newPlace, null, handover);
  }

  String name() {
    return spec.name();
  }

  boolean arrivesBy(String id) {
    return place == Place.ARRIVING && id.equals(arrivalId);
  }

  boolean leavesBy(String migrationId) {
    return handover != null && handover.migrationId().equals(migrationId);
  }
}
