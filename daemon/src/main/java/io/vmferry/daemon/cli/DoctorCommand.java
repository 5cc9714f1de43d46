package io.vmferry.daemon.cli;

import io.vmferry.daemon.doctor.Doctor;
import io.vmferry.daemon.doctor.Report;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** {@code vmferry doctor}. */
@Command(
    name = "doctor",
    description = {
      "Shows what this host can do, and the fix for what it cannot.",
      "Needs no node. Exit code 1 if guests cannot run or migrate here."
    })
final class DoctorCommand implements Callable<Integer> {
  private final Console console;

  DoctorCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    Report report = Doctor.examine();
    console.print(report, Doctor.lines(report));
    return report.ready() ? ExitCodes.OK : ExitCodes.FAILED;
  }
}
