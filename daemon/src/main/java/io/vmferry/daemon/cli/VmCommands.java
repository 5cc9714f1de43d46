package io.vmferry.daemon.cli;

import io.vmferry.daemon.api.ConsoleView;
import io.vmferry.daemon.api.GuestView;
import io.vmferry.daemon.api.VmList;
import io.vmferry.daemon.api.VmView;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.render.Table;
import io.vmferry.daemon.units.Sizes;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The vm commands that name at most a VM; {@link VmCreateCommand} has a file of its own. */
final class VmCommands {
  private VmCommands() {}

  /** A command about one VM. */
  abstract static class OneVm implements Callable<Integer> {
    final Console console;

    @Parameters(paramLabel = "NAME", description = "The VM.")
    String name = "";

    OneVm(Console console) {
      this.console = console;
    }

    @Override
    public Integer call() throws Exception {
      act(console.client());
      return ExitCodes.OK;
    }

    abstract void act(NodeClient client) throws IOException;

    /** Reports the state a VM is in now. */
    final void show(VmView vm) {
      console.print(vm, List.of("VM " + vm.name() + " is " + vm.state() + "."));
    }
  }

  @Command(name = "boot", description = "Starts a VM that was created.")
  static final class Boot extends OneVm {
    Boot(Console console) {
      super(console);
    }

    @Override
    void act(NodeClient client) throws IOException {
      show(client.boot(name));
    }
  }

  @Command(name = "pause", description = "Stops the VM's vCPUs.")
  static final class Pause extends OneVm {
    Pause(Console console) {
      super(console);
    }

    @Override
    void act(NodeClient client) throws IOException {
      show(client.pause(name));
    }
  }

  @Command(name = "resume", description = "Lets a paused VM go on.")
  static final class Resume extends OneVm {
    @Option(
        names = "--take-over",
        description = {
          "Of a VM in state handover-unknown: it goes on here. Only after you have made sure that it"
              + " does not run on the destination;",
          "if it does, it runs twice from then on."
        })
    private boolean takeOver;

    Resume(Console console) {
      super(console);
    }

    @Override
    void act(NodeClient client) throws IOException {
      show(takeOver ? client.takeOver(name) : client.resume(name));
    }
  }

  @Command(name = "info", description = "Shows a VM and what its guest reports.")
  static final class Info extends OneVm {
    Info(Console console) {
      super(console);
    }

    @Override
    void act(NodeClient client) throws IOException {
      VmView vm = client.vm(name);
      console.print(vm, lines(vm));
    }

    static List<String> lines(VmView vm) {
      List<String> lines = new ArrayList<>();
      add(lines, "name", vm.name());
      add(lines, "state", vm.state());
      if (vm.failure() != null) {
        add(lines, "failure", vm.failure());
      }
      if (vm.note() != null) {
        add(lines, "note", vm.note());
      }
      add(lines, "node", vm.node());
      add(lines, "hypervisor", vm.hypervisor());
      add(lines, "memory", Sizes.format(vm.memoryBytes()));
      if (vm.pageSize() != null) {
        add(lines, "page size", vm.pageSize());
      }
      add(lines, "vCPUs", Integer.toString(vm.cpus()));
      if (vm.generation() != null) {
        add(lines, "generation", Long.toString(vm.generation()));
      }
      if (vm.migrationId() != null) {
        add(lines, "migration", vm.migrationId());
      }
      GuestView guest = vm.guest();
      if (guest != null) {
        add(lines, "guest", guest.running() ? "running" : "not running");
        add(lines, "iterations", Long.toString(guest.iterations()));
        add(lines, "pages verified", Long.toString(guest.pagesVerified()));
        add(lines, "mismatches", Long.toString(guest.mismatches()));
        if (guest.firstMismatch() != null) {
          add(lines, "first mismatch", guest.firstMismatch());
        }
      }
      return lines;
    }

    private static void add(List<String> lines, String label, String value) {
      lines.add(String.format("%-15s %s", label, value));
    }
  }

  @Command(name = "console", description = "Prints what the guest wrote to its serial port.")
  static final class ShowConsole extends OneVm {
    ShowConsole(Console console) {
      super(console);
    }

    @Override
    void act(NodeClient client) throws IOException {
      ConsoleView view = client.console(name);
      if (console.json()) {
        console.print(view, List.of());
      } else {
        console.out().print(view.text());
        console.out().flush();
      }
    }
  }

  @Command(name = "delete", description = "Ends a VM and gives its memory back.")
  static final class Delete extends OneVm {
    Delete(Console console) {
      super(console);
    }

    @Override
    void act(NodeClient client) throws IOException {
      client.deleteVm(name);
      console.print(Map.of("deleted", name), List.of("VM " + name + " is deleted."));
    }
  }

  @Command(name = "list", description = "Lists the node's VMs.")
  static final class ListAll implements Callable<Integer> {
    private final Console console;

    ListAll(Console console) {
      this.console = console;
    }

    @Override
    public Integer call() throws Exception {
      VmList list = console.client().listVms();
      console.print(list, lines(list));
      return ExitCodes.OK;
    }

    static List<String> lines(VmList list) {
      if (list.vms().isEmpty()) {
        return List.of("No VMs.");
      }
      Table table = new Table("NAME", "STATE", "VCPUS", "MEMORY", "NODE", "HYPERVISOR");
      for (VmView vm : list.vms()) {
        table.row(
            vm.name(),
            vm.state(),
            Integer.toString(vm.cpus()),
            Sizes.format(vm.memoryBytes()),
            vm.node(),
            vm.hypervisor());
      }
      List<String> lines = new ArrayList<>(table.lines());
      for (VmView vm : list.vms()) {
        if (vm.note() != null) {
          lines.add(vm.name() + ": " + vm.note());
        }
      }
      return lines;
    }
  }
}
