package io.vmferry.actors.vm;

/** Why a request was refused or a migration failed, grouped by who must act. Never reused. */
public enum FailureCode {
  // The caller must ask for something else.
  INVALID_REQUEST,
  NO_SUCH_VM,
  NAME_TAKEN,
  WRONG_STATE,
  CANCELLED,
  // The operator must mend the hosts, the network or the configuration.
  NOT_ENOUGH_MEMORY,
  NO_HYPERVISOR,
  ADDRESS_UNUSABLE,
  PEER_UNREACHABLE,
  PEER_LOST,
  PEER_SILENT,
  PEER_REFUSED,
  INCOMPATIBLE_CPU,
  INCOMPATIBLE_GUEST,
  NOT_CONVERGED,
  // The program must be mended, here or at the peer.
  PROTOCOL_VIOLATION,
  GUEST_FAILED,
  INTERNAL
}
