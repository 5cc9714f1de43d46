package io.vmferry.kvm.sandbox;

/** What a fenced thread does; each has a list of its own. */
public enum SandboxRole {
  /** Answers page requests, from memory or from a snapshot's files. */
  SERVES_PAGES,
  /** Reads page faults, or takes the pages that a source sends, into a guest that runs. */
  BRINGS_PAGES,
  /** Reads what a peer says: roles, commands, documents, memory of a guest that does not run. */
  HEARS_PEER
}
