package io.vmferry.actors.ownership;

/** Where a guest is, as its host's record says. */
public enum Place {
  /** It is being received; whether it has come is in its {@link ArrivalRecord}. */
  ARRIVING,
  /** It is here. */
  HERE,
  /** It was here when the daemon ended without being told to; its memory ended then. */
  LOST,
  /** It was here when the daemon was told to stop; its memory ended then. */
  STOPPED,
  /** Complete was sent or was about to be: nobody here knows whether the destination took it. */
  HANDOVER_UNKNOWN,
  /** The destination has taken it. */
  HANDED_OVER,
  /** The destination had taken it, and it ended there with that daemon. */
  ENDED_THERE
}
