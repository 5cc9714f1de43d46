package io.vmferry.daemon.doctor;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * What one check of the host found.
 *
 * @param check what was looked at
 * @param status how good it is
 * @param found what is there
 * @param fix what to do about it; absent where nothing needs doing
 */
public record Finding(String check, Status status, String found, @Nullable String fix) {

  /** How good a finding is, from best to worst. */
  public enum Status {
    /** As it should be. */
    @JsonProperty("ok")
    OK,
    /** Something that only some uses need is not there. */
    @JsonProperty("note")
    NOTE,
    /** It works, with trouble ahead. */
    @JsonProperty("warn")
    WARN,
    /** Migration does not work on this host. */
    @JsonProperty("fail")
    FAIL
  }

  static Finding ok(String check, String found) {
    return new Finding(check, Status.OK, found, null);
  }

  static Finding note(String check, String found, String fix) {
    return new Finding(check, Status.NOTE, found, fix);
  }

  static Finding warn(String check, String found, String fix) {
    return new Finding(check, Status.WARN, found, fix);
  }

  static Finding fail(String check, String found, String fix) {
    return new Finding(check, Status.FAIL, found, fix);
  }
}
