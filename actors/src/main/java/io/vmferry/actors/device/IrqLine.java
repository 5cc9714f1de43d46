package io.vmferry.actors.device;

/** The interrupt line of a device, e.g. GSI 4 of the in-kernel interrupt controllers. */
@FunctionalInterface
public interface IrqLine {

  /** Sets the level. Called with the device's lock held: must not call the device. */
  void set(boolean high);
}
