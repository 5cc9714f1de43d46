package io.vmferry.streams.transfer;

import io.vmferry.kvm.Hva;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.uffd.Installed;
import io.vmferry.kvm.uffd.Outcome;
import io.vmferry.kvm.uffd.PageInstaller;

/** Memory that nobody watches: what is in its file is mapped already. */
class MappedPages implements PageInstaller {
  @Override
  public Installed copy(Hva destination, long sourceAddress, long lengthBytes, boolean wake) {
    throw new AssertionError("pages of a shared file are never copied");
  }

  @Override
  public Installed resume(Hva start, long lengthBytes) throws SyscallException {
    return new Installed(Outcome.INSTALLED, lengthBytes);
  }

  @Override
  public Installed zeropage(Hva start, long lengthBytes) {
    throw new AssertionError("zeros come out of the file");
  }

  @Override
  public void wake(Hva start, long lengthBytes) {}
}
