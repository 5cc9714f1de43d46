package io.vmferry.actors.device;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.function.IntConsumer;

/**
 * A 16550A serial port: eight registers, output that is never busy, input from a bounded queue.
 *
 * <p>A byte leaves at once, so "transmitter empty" always holds, and its interrupt is raised anew
 * after each byte: the line goes low and high again, which an edge-triggered input needs.
 * Thread-safe.
 *
 * <p>Source: National Semiconductor PC16550D data sheet, table II; Linux
 * drivers/tty/serial/8250/8250_port.c, autoconfig() for what a driver probes.
 */
public final class Serial16550 implements PortDevice {

  /** First port of the first serial port of a PC. */
  public static final int COM1_PORT = 0x3F8;

  /** Number of ports. */
  public static final int PORTS = 8;

  /** Interrupt line of the first serial port of a PC. */
  public static final int COM1_GSI = 4;

  /** Input that the guest has not read; a bigger paste is taken in parts. */
  static final int RECEIVE_LIMIT = 4096;

  private static final int DATA = 0;
  private static final int INTERRUPT_ENABLE = 1;
  private static final int INTERRUPT_ID = 2;
  private static final int LINE_CONTROL = 3;
  private static final int MODEM_CONTROL = 4;
  private static final int LINE_STATUS = 5;
  private static final int MODEM_STATUS = 6;
  private static final int SCRATCH = 7;

  private static final int IER_RECEIVED = 1;
  private static final int IER_TRANSMIT = 2;
  private static final int IER_LINE_STATUS = 4;
  private static final int IER_BITS = 0x0F;

  private static final int IIR_NONE = 1;
  private static final int IIR_TRANSMIT = 2;
  private static final int IIR_RECEIVED = 4;
  private static final int IIR_LINE_STATUS = 6;
  private static final int IIR_FIFOS = 0xC0;

  private static final int FCR_ENABLE = 1;
  private static final int FCR_CLEAR_RECEIVED = 2;
  private static final int LCR_DIVISOR = 0x80;
  private static final int MCR_LOOPBACK = 0x10;
  private static final int MCR_BITS = 0x1F;

  private static final int LSR_RECEIVED = 1;
  private static final int LSR_OVERRUN = 2;
  private static final int LSR_TRANSMITTER_EMPTY = 0x60;

  /** Carrier, data set ready, clear to send: a terminal is there. */
  private static final int MSR_CONNECTED = 0xB0;

  private static final int DIVISOR_9600 = 12;

  private final IrqLine irq;
  private final IntConsumer output;
  private final Deque<Integer> received = new ArrayDeque<>();
  private int ier;
  private int fcr;
  private int lcr;
  private int mcr;
  private int scr;
  private int divisor = DIVISOR_9600;
  private boolean transmitPending;
  private boolean overrun;
  private boolean lineHigh;

  /**
   * @param irq interrupt line, low at first
   * @param output takes each byte (0 to 255) the guest sends, on the vCPU's thread and with the
   *     port's lock held
   */
  public Serial16550(IrqLine irq, IntConsumer output) {
    this.irq = irq;
    this.output = output;
  }

  @Override
  public synchronized int read(int offset) {
    int value =
        switch (offset) {
          case DATA -> divisorAccess() ? divisor & 0xFF : nextReceived();
          case INTERRUPT_ENABLE -> divisorAccess() ? divisor >> 8 : ier;
          case INTERRUPT_ID -> readInterruptId();
          case LINE_CONTROL -> lcr;
          case MODEM_CONTROL -> mcr;
          case LINE_STATUS -> readLineStatus();
          case MODEM_STATUS -> modemStatus();
          case SCRATCH -> scr;
          default -> throw new IllegalArgumentException("Serial register " + offset);
        };
    updateLine();
    return value;
  }

  @Override
  public synchronized void write(int offset, int value) {
    switch (offset) {
      case DATA -> writeData(value);
      case INTERRUPT_ENABLE -> writeInterruptEnable(value);
      case INTERRUPT_ID -> writeFifoControl(value);
      case LINE_CONTROL -> lcr = value;
      case MODEM_CONTROL -> mcr = value & MCR_BITS;
      case SCRATCH -> scr = value;
      case LINE_STATUS, MODEM_STATUS -> {} // read-only
      default -> throw new IllegalArgumentException("Serial register " + offset);
    }
    updateLine();
  }

  /**
   * Queues input for the guest.
   *
   * @return how many of the bytes were taken; fewer if the queue is full
   */
  public synchronized int receive(byte[] input) {
    int taken = Math.min(input.length, RECEIVE_LIMIT - received.size());
    for (int i = 0; i < taken; i++) {
      received.add(input[i] & 0xFF);
    }
    updateLine();
    return taken;
  }

  /** The registers as they are; the vCPUs should be paused, or more may come. */
  public synchronized Serial16550State save() {
    return new Serial16550State(
        ier, fcr, lcr, mcr, scr, divisor, transmitPending, overrun, new ArrayList<>(received));
  }

  /** Takes over the registers of another port and sets the interrupt line accordingly. */
  public synchronized void restore(Serial16550State state) {
    ier = state.ier();
    fcr = state.fcr();
    lcr = state.lcr();
    mcr = state.mcr();
    scr = state.scr();
    divisor = state.divisor();
    transmitPending = state.transmitPending();
    overrun = state.overrun();
    received.clear();
    received.addAll(state.received());
    updateLine();
  }

  private boolean divisorAccess() {
    return (lcr & LCR_DIVISOR) != 0;
  }

  private int nextReceived() {
    Integer next = received.poll();
    return next == null ? 0 : next;
  }

  private int readInterruptId() {
    int cause = cause();
    if (cause == IIR_TRANSMIT) {
      transmitPending = false;
    }
    return cause | ((fcr & FCR_ENABLE) != 0 ? IIR_FIFOS : 0);
  }

  private int readLineStatus() {
    int status =
        LSR_TRANSMITTER_EMPTY
            | (received.isEmpty() ? 0 : LSR_RECEIVED)
            | (overrun ? LSR_OVERRUN : 0);
    overrun = false;
    return status;
  }

  /** In loopback the modem outputs are wired to the inputs: RTS-CTS, DTR-DSR, OUT1-RI, OUT2-DCD. */
  private int modemStatus() {
    if ((mcr & MCR_LOOPBACK) == 0) {
      return MSR_CONNECTED;
    }
    return (mcr & 2) << 3 | (mcr & 1) << 5 | (mcr & 4) << 4 | (mcr & 8) << 4;
  }

  private void writeData(int value) {
    if (divisorAccess()) {
      divisor = (divisor & 0xFF00) | value;
      return;
    }
    transmitPending = false;
    updateLine();
    if ((mcr & MCR_LOOPBACK) == 0) {
      output.accept(value);
    } else if (received.size() < RECEIVE_LIMIT) {
      received.add(value);
    } else {
      overrun = true;
    }
    transmitPending = true;
  }

  private void writeInterruptEnable(int value) {
    if (divisorAccess()) {
      divisor = (divisor & 0xFF) | value << 8;
      return;
    }
    boolean newlyEnabled = (value & ~ier & IER_TRANSMIT) != 0;
    ier = value & IER_BITS;
    transmitPending |= newlyEnabled;
  }

  private void writeFifoControl(int value) {
    if ((value & FCR_CLEAR_RECEIVED) != 0) {
      received.clear();
    }
    fcr = value & FCR_ENABLE;
  }

  /** The interrupt with the highest priority, as in the interrupt identification register. */
  private int cause() {
    if (overrun && (ier & IER_LINE_STATUS) != 0) {
      return IIR_LINE_STATUS;
    }
    if (!received.isEmpty() && (ier & IER_RECEIVED) != 0) {
      return IIR_RECEIVED;
    }
    return transmitPending && (ier & IER_TRANSMIT) != 0 ? IIR_TRANSMIT : IIR_NONE;
  }

  private void updateLine() {
    boolean high = cause() != IIR_NONE;
    if (high != lineHigh) {
      lineHigh = high;
      irq.set(high);
    }
  }
}
