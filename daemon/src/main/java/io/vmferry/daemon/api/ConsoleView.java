package io.vmferry.daemon.api;

/**
 * Body of {@code GET /v1/vms/{name}/console}.
 *
 * @param name the VM
 * @param text what it wrote to its serial port, the newest part if there was much
 */
public record ConsoleView(String name, String text) {}
