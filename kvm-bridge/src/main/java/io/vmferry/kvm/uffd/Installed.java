package io.vmferry.kvm.uffd;

/**
 * The result of putting a run of pages in place.
 *
 * @param outcome what happened to the page at {@code bytesDone}, or INSTALLED if there is none left
 * @param bytesDone how much of the run was put in place before it
 */
public record Installed(Outcome outcome, long bytesDone) {}
