package io.vmferry.daemon.bench;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What scenarios work with.
 *
 * @param plan what to run
 * @param vmferry this project
 * @param onePage the receiver that asks for one page at a time; null if it was not asked for
 * @param limit the C program; null if it was not asked for or does not compile
 * @param qemu null if it was not asked for or does not start
 * @param steps told what goes on
 */
record Stage(
    BenchPlan plan,
    VmferryRuns vmferry,
    @Nullable OnePagePeer onePage,
    @Nullable LimitProgram limit,
    @Nullable QemuPeer qemu,
    Consumer<String> steps) {}
