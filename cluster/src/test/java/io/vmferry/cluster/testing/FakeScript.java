package io.vmferry.cluster.testing;

/** What a test wants of a {@link FakeVmHost}; changed from the test's thread. */
public final class FakeScript {
  /** A receive is refused for want of memory. */
  public volatile boolean refuseReceive;

  /** A send is refused for the guest's state. */
  public volatile boolean refuseSend;

  /** A source stays in precopy until this is false again. */
  public volatile boolean hold;

  /** A destination that was handed the guest does not answer until this is false again. */
  public volatile boolean holdAnswer;

  /** A source whose guest was handed over says POSTCOPY and stays there until false. */
  public volatile boolean holdAfterHandover;

  /** Starts are not answered. */
  public volatile boolean silent;

  /** The node has died: a session that ends because of it tells nobody. */
  public volatile boolean dead;

  /** What this side's digest of the guest's memory is. */
  public volatile String digest = "00000000cafef00d";
}
