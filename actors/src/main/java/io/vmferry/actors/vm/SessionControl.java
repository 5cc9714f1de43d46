package io.vmferry.actors.vm;

/**
 * How a {@link Vm} steers the migration session that owns its guest; each call only tells it.
 *
 * @param cancel it shall give up
 * @param switchToPostcopy it shall end its rounds, if it is a hybrid one
 */
record SessionControl(Runnable cancel, Runnable switchToPostcopy) {
  /** Of a guest that arrives: whoever receives it steers its own session. */
  static final SessionControl NONE = new SessionControl(() -> {}, () -> {});
}
