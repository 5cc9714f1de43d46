package io.vmferry.streams.wire;

import java.util.ArrayList;
import java.util.List;

/**
 * A set of extensions as it travels: offered in Start, taken in the answer. What a newer peer
 * offers may have bits that no {@link Extension} of this build has; they are kept, and never taken.
 *
 * @param bits one bit each, see {@link Extension}
 */
public record Extensions(int bits) {
  /** The base protocol: every byte is one that a Cloud Hypervisor peer sends or accepts. */
  public static final Extensions NONE = new Extensions(0);

  private static final Extensions KNOWN = of(Extension.values());

  /** All extensions that this build carries out, on either side. */
  public static Extensions known() {
    return KNOWN;
  }

  /** The set of these. */
  public static Extensions of(Extension... extensions) {
    int bits = 0;
    for (Extension extension : extensions) {
      bits |= extension.mask();
    }
    return new Extensions(bits);
  }

  /** Whether the extension is in the set. */
  public boolean has(Extension extension) {
    return (bits & extension.mask()) != 0;
  }

  /** The set without one. */
  public Extensions without(Extension extension) {
    return new Extensions(bits & ~extension.mask());
  }

  /** What is in both sets: the destination's answer to an offer. */
  public Extensions and(Extensions other) {
    return new Extensions(bits & other.bits);
  }

  /**
   * The set, if it is one that may answer an offer.
   *
   * @throws ProtocolException if it has a bit that was not offered
   */
  public Extensions takenFrom(Extensions offered) throws ProtocolException {
    if ((bits & ~offered.bits) != 0) {
      throw new ProtocolException("extensions out of those offered, " + offered, toString());
    }
    return this;
  }

  /** Whether the command may be sent where these extensions are agreed. */
  public boolean permit(Command command) {
    Extension needed = command.extension();
    return needed == null || has(needed);
  }

  /** The known names and, in hexadecimal, what is left. */
  @Override
  public String toString() {
    List<String> names = new ArrayList<>();
    int rest = bits;
    for (Extension extension : Extension.values()) {
      if (has(extension)) {
        names.add(extension.name());
        rest &= ~extension.mask();
      }
    }
    if (rest != 0) {
      names.add("0x" + Integer.toHexString(rest));
    }
    return names.toString();
  }
}
