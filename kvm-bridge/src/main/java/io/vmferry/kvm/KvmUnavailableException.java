package io.vmferry.kvm;

import java.io.IOException;

/**
 * KVM cannot be used on this host: the device is missing, not permitted, not KVM's or too old.
 *
 * <p>The message is one sentence that says what is wrong and what to do about it.
 */
public final class KvmUnavailableException extends IOException {
  private static final long serialVersionUID = 1L;

  KvmUnavailableException(String message) {
    super(message);
  }

  KvmUnavailableException(String message, SyscallException cause) {
    super(message, cause);
  }
}
