package io.vmferry.actors.device;

/** A device with byte-wide I/O ports. Called on vCPU threads, possibly several at once. */
public interface PortDevice {

  /**
   * Reads a port.
   *
   * @param offset port number less the device's first
   * @return 0 to 255
   */
  int read(int offset);

  /**
   * Writes a port.
   *
   * @param offset port number less the device's first
   * @param value 0 to 255
   */
  void write(int offset, int value);
}
