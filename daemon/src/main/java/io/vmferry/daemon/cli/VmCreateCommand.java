package io.vmferry.daemon.cli;

import io.vmferry.actors.guest.MemoryFill;
import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.VmView;
import io.vmferry.daemon.units.Sizes;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code vmferry vm create}. */
@Command(name = "create", sortOptions = false, description = "Makes a VM; boot it next.")
final class VmCreateCommand implements Callable<Integer> {
  private static final List<String> PAGE_SIZES = List.of("4K", "2M", "1G");
  private static final int MAX_CPUS = 255;

  private final Console console;

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "NAME",
      description = "Name of the VM: letters, digits, '-', '_' and '.'; unique in the cluster.")
  private String name = "";

  @Option(
      names = "--cpus",
      paramLabel = "N",
      required = true,
      description = "Virtual CPUs, 1 to " + MAX_CPUS + ".")
  private int cpus;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      required = true,
      description = "Guest memory, such as 256M or 4GiB.")
  private ByteSize memory = new ByteSize(0);

  @Option(
      names = "--page-size",
      paramLabel = "4K|2M|1G",
      description = "Host pages that back guest memory. Default: 4K.")
  private String pageSize = "4K";

  @ArgGroup(multiplicity = "1")
  private What what;

  /** One of a built-in guest and a kernel. */
  static final class What {
    @ArgGroup(exclusive = false)
    @Nullable Program program;

    @ArgGroup(exclusive = false)
    @Nullable Kernel kernel;
  }

  /** A guest that vmferry assembles itself. */
  static final class Program {
    @Option(
        names = "--guest",
        paramLabel = "standard|idle",
        required = true,
        description = "A built-in guest: standard writes and verifies memory, idle does nothing.")
    String guest = "";

    @Option(
        names = "--working-set",
        paramLabel = "SIZE",
        description = "Standard guest: memory that it writes and verifies.")
    @Nullable ByteSize workingSet;

    @Option(
        names = "--dirty-rate",
        paramLabel = "SIZE/s",
        description = "Standard guest: how fast it dirties memory. Default: as fast as it can.")
    @Nullable ByteRate dirtyRate;

    @Option(
        names = "--fill",
        paramLabel = "random|zero90|free90",
        hidden = true,
        description = "Idle guest: what the host writes into its memory before it boots.")
    @Nullable String fill;
  }

  /** A kernel from a file. */
  static final class Kernel {
    @Option(
        names = "--kernel",
        paramLabel = "FILE",
        required = true,
        description = "An ELF or bzImage kernel, a file on the node.")
    String kernel = "";

    @Option(names = "--initrd", paramLabel = "FILE", description = "Its initial ram disk.")
    @Nullable String initrd;

    @Option(names = "--cmdline", paramLabel = "TEXT", description = "Its command line.")
    @Nullable String cmdline;
  }

  @SuppressWarnings("NullAway.Init") // picocli sets the spec and the required group
  VmCreateCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws Exception {
    VmView vm = console.client().createVm(request());
    console.print(
        vm,
        List.of("VM " + vm.name() + " is created; start it with: vmferry vm boot " + vm.name()));
    return ExitCodes.OK;
  }

  private CreateVmRequest request() {
    if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,62}")) {
      throw wrong(
          "'"
              + name
              + "' is no VM name: use 1 to 63 letters, digits, '-', '_' and '.', no sign first");
    }
    if (cpus < 1 || cpus > MAX_CPUS) {
      throw wrong("--cpus " + cpus + ": write a number from 1 to " + MAX_CPUS);
    }
    String pages = pageSize.toUpperCase(Locale.ROOT);
    if (!PAGE_SIZES.contains(pages)) {
      throw wrong("--page-size " + pageSize + ": write one of " + String.join(", ", PAGE_SIZES));
    }
    long unit = Sizes.parse(pages);
    if (memory.bytes() == 0 || memory.bytes() % unit != 0) {
      throw wrong(
          "--memory "
              + Sizes.format(memory.bytes())
              + " is not a multiple of the page size "
              + pages);
    }
    return new CreateVmRequest(name, cpus, memory.bytes(), pages, guest());
  }

  private GuestConfig guest() {
    Program program = what.program;
    if (program == null) {
      Kernel kernel = what.kernel;
      if (kernel == null) {
        throw wrong("Say what the VM runs: --guest or --kernel");
      }
      return new GuestConfig(
          "kernel",
          null,
          null,
          null,
          absolute(kernel.kernel),
          kernel.initrd == null ? null : absolute(kernel.initrd),
          kernel.cmdline);
    }
    if (!program.guest.equals("standard") && !program.guest.equals("idle")) {
      throw wrong("--guest " + program.guest + ": write standard or idle");
    }
    ByteSize workingSet = program.workingSet;
    ByteRate dirtyRate = program.dirtyRate;
    if (program.guest.equals("idle") && (workingSet != null || dirtyRate != null)) {
      throw wrong("--working-set and --dirty-rate are for --guest standard");
    }
    String fill = program.fill;
    if (fill != null && (!program.guest.equals("idle") || MemoryFill.find(fill) == null)) {
      throw wrong("--fill " + fill + ": write " + MemoryFill.words() + ", and --guest idle");
    }
    if (workingSet != null && workingSet.bytes() > memory.bytes()) {
      throw wrong(
          "--working-set "
              + Sizes.format(workingSet.bytes())
              + " is more than the guest's memory, "
              + Sizes.format(memory.bytes()));
    }
    return new GuestConfig(
        program.guest,
        workingSet == null ? null : workingSet.bytes(),
        dirtyRate == null ? null : dirtyRate.bytesPerSecond(),
        fill,
        null,
        null,
        null);
  }

  /** The node has a working directory of its own. */
  private static String absolute(String file) {
    return Path.of(file).toAbsolutePath().normalize().toString();
  }

  private ParameterException wrong(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
