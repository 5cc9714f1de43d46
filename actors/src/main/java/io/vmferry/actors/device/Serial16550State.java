package io.vmferry.actors.device;

import java.util.List;

/**
 * The registers of a {@link Serial16550}, for the snapshot.
 *
 * @param ier interrupt enable
 * @param fcr FIFO control, as far as it is kept (bit 0)
 * @param lcr line control
 * @param mcr modem control
 * @param scr scratch
 * @param divisor baud rate divisor, 16 bits
 * @param transmitPending a "transmitter empty" interrupt has not been acknowledged
 * @param overrun received bytes were lost (line status bit 1)
 * @param received bytes the guest has not read, oldest first, each 0 to 255
 */
public record Serial16550State(
    int ier,
    int fcr,
    int lcr,
    int mcr,
    int scr,
    int divisor,
    boolean transmitPending,
    boolean overrun,
    List<Integer> received) {

  /** Copies the list and checks it. */
  public Serial16550State {
    received = List.copyOf(received);
    if (received.size() > Serial16550.RECEIVE_LIMIT) {
      throw new IllegalArgumentException(received.size() + " received bytes are too many");
    }
  }
}
