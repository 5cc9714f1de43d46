package io.vmferry.actors.guest;

import static io.vmferry.actors.guest.Reg.R10;
import static io.vmferry.actors.guest.Reg.R11;
import static io.vmferry.actors.guest.Reg.R12;
import static io.vmferry.actors.guest.Reg.R13;
import static io.vmferry.actors.guest.Reg.R14;
import static io.vmferry.actors.guest.Reg.R15;
import static io.vmferry.actors.guest.Reg.R8;
import static io.vmferry.actors.guest.Reg.R9;
import static io.vmferry.actors.guest.Reg.RAX;
import static io.vmferry.actors.guest.Reg.RBP;
import static io.vmferry.actors.guest.Reg.RBX;
import static io.vmferry.actors.guest.Reg.RCX;
import static io.vmferry.actors.guest.Reg.RDI;
import static io.vmferry.actors.guest.Reg.RDX;
import static io.vmferry.actors.guest.Reg.RSI;

import io.vmferry.actors.guest.Assembler.Alu;
import io.vmferry.actors.guest.Assembler.Cond;
import io.vmferry.actors.guest.Assembler.StringOp;

/**
 * The standard test guest: every vCPU sweeps over its own slice of the working set for ever, checks
 * each page before it rewrites it, and reports on the serial port about five times a second.
 *
 * <p>What the pages hold and how soon each byte is compared: {@link WorkingSetPattern}. The program
 * and its report lines: docs/guests.md.
 */
public final class StandardGuest {

  /** Body words that one visit of a page checks and rewrites: 32 sweeps compare every byte. */
  public static final int DEFAULT_SEGMENT_WORDS = 16;

  /** Pages between two looks at the timer: 2 ms in KVM's emulator. */
  private static final int PAGES_PER_POLL = 64;

  private static final int PACED_TICK_NANOS = 10_000_000;
  private static final int UNPACED_TICK_NANOS = 50_000_000;
  private static final int REPORT_NANOS = 200_000_000;

  /** A sweep over fewer pages than this gets no report of its own: the port would be flooded. */
  private static final long SWEEP_REPORT_PAGES = 8192;

  private static final int PAGE_SHIFT = 12;

  /**
   * What the guest is to do.
   *
   * @param vcpus 1 to 64
   * @param memoryBytes guest memory; must hold the working set and 4 MiB
   * @param workingSetBytes pages the guest writes, together; rounded down to pages, at least one a
   *     vCPU
   * @param dirtyBytesPerSecond bytes of pages rewritten a second, all vCPUs together; 0 for as fast
   *     as the CPU allows
   * @param segmentWords see {@link WorkingSetPattern}
   */
  public record Params(
      int vcpus,
      long memoryBytes,
      long workingSetBytes,
      long dirtyBytesPerSecond,
      int segmentWords) {

    /** Checks the figures against each other. */
    public Params {
      ProgramImage.checkMachine(vcpus, memoryBytes);
      if (workingSetBytes > memoryBytes - GuestLayout.WORKING_SET) {
        throw new IllegalArgumentException(
            "A working set of "
                + workingSetBytes
                + " bytes does not fit into guest memory of "
                + memoryBytes
                + " bytes, 4 MiB of which the guest program takes");
      }
      if (workingSetBytes >>> PAGE_SHIFT < vcpus) {
        throw new IllegalArgumentException(
            "A working set of " + workingSetBytes + " bytes is less than a page for each vCPU");
      }
      if (dirtyBytesPerSecond < 0) {
        throw new IllegalArgumentException("Dirty rate " + dirtyBytesPerSecond + " is negative");
      }
      // Bounds of segmentWords.
      new WorkingSetPattern(segmentWords);
    }

    /** With the default segment size. */
    public Params(int vcpus, long memoryBytes, long workingSetBytes, long dirtyBytesPerSecond) {
      this(vcpus, memoryBytes, workingSetBytes, dirtyBytesPerSecond, DEFAULT_SEGMENT_WORDS);
    }

    /** Pages of the working set. */
    public long workingSetPages() {
      return workingSetBytes >>> PAGE_SHIFT;
    }

    /** What the working set's pages hold. */
    public WorkingSetPattern pattern() {
      return new WorkingSetPattern(segmentWords);
    }
  }

  private final Params params;
  private final Assembler asm = new Assembler(GuestLayout.CODE);
  private final GuestRuntime runtime = new GuestRuntime(asm);
  private final TouchTimer timer;

  private StandardGuest(Params params) {
    this.params = params;
    this.timer = new TouchTimer(asm, runtime, params.vcpus());
  }

  /** Assembles the guest. */
  public static GuestImage image(Params params) {
    return new StandardGuest(params).assemble();
  }

  /** A paced guest has time to spare: it also times its touches. */
  private boolean paced() {
    return params.dirtyBytesPerSecond() > 0;
  }

  private GuestImage assemble() {
    boolean paced = paced();
    runtime.emitStart(paced ? PACED_TICK_NANOS : UNPACED_TICK_NANOS);
    emitSweep();
    emitPage();
    if (paced) {
      emitPacing();
    } else {
      emitPoll();
    }
    emitMismatch();
    emitTick(paced ? PACED_TICK_NANOS : UNPACED_TICK_NANOS);
    emitReport();
    if (paced) {
      timer.emitRoutines();
    }
    runtime.emitRoutines();
    return new ProgramImage(
        params.vcpus(), params.memoryBytes(), asm.assemble(), runtime.handlers(), params);
  }

  /*
   * Registers during a sweep over generation g:
   * RBX page, R12 pages left in the range, RDX pages until the next poll,
   * R8 header(page, g), R9 checksum(page, g), RSI header step between pages, R14 GENERATION_STEP,
   * R10 offset and R11 words of the segment, R13 what leads from R9 to the segment's old content.
   */
  private void emitSweep() {
    int segments = params.pattern().segments();
    asm.mov(R14, WorkingSetPattern.GENERATION_STEP)
        .mov(RSI, 1L << 32)
        .mov(RDX, 1)
        .mov(Mem.at(RBP, CpuBlock.SEGMENT), WorkingSetPattern.BODY_OFFSET);
    asm.label("sweep")
        .mov(R10, Mem.at(RBP, CpuBlock.SEGMENT))
        .mov(R11, WorkingSetPattern.TRAILER_OFFSET)
        .alu(Alu.SUB, R11, R10)
        .shr(R11, 3)
        .alu(Alu.CMP, R11, params.segmentWords())
        .jcc(Cond.NOT_ABOVE, "sweep.age")
        .mov(R11, params.segmentWords());
    // The segment was written min(g, segments - 1) generations ago.
    asm.label("sweep.age")
        .mov(R13, Mem.at(RBP, CpuBlock.SWEEPS))
        .alu(Alu.CMP, R13, segments - 1)
        .jcc(Cond.NOT_ABOVE, "sweep.delta")
        .mov(R13, segments - 1)
        .label("sweep.delta")
        .mov(RAX, -WorkingSetPattern.GENERATION_STEP)
        .imul(R13, RAX)
        .mov(Mem.at(RBP, CpuBlock.RANGE), CpuBlock.RANGES);
    emitRange();
    asm.alu(Alu.ADD, R10, params.segmentWords() * Long.BYTES)
        .alu(Alu.CMP, R10, WorkingSetPattern.TRAILER_OFFSET)
        .jcc(Cond.BELOW, "sweep.next")
        .mov(R10, WorkingSetPattern.BODY_OFFSET)
        .label("sweep.next")
        .mov(Mem.at(RBP, CpuBlock.SEGMENT), R10)
        .inc(Mem.at(RBP, CpuBlock.SWEEPS));
    if (params.workingSetPages() / params.vcpus() >= SWEEP_REPORT_PAGES) {
      asm.call("report");
    }
    asm.jmp("sweep");
  }

  /** One range after the other: page number and generation give the first header and checksum. */
  private void emitRange() {
    asm.label("range")
        .mov(RCX, Mem.at(RBP, CpuBlock.RANGE))
        .mov(RBX, Mem.at(RBP, RCX))
        .alu(Alu.ADD, RCX, RBP)
        .mov(R12, Mem.at(RCX, Long.BYTES))
        .test(R12)
        .jcc(Cond.EQUAL, "range.end")
        .mov(Mem.at(RBP, CpuBlock.RANGE_PAGES), R12)
        .mov(RAX, RBX)
        .shr(RAX, PAGE_SHIFT)
        .mov(R8, RAX)
        .shl(R8, 32)
        .mov(RCX, Mem.at(RBP, CpuBlock.SWEEPS))
        .alu(Alu.ADD, R8, RCX)
        .mov(R9, WorkingSetPattern.PAGE_STEP)
        .imul(R9, RAX)
        .imul(RCX, R14)
        .alu(Alu.ADD, R9, RCX)
        .call("pages")
        .mov(RAX, Mem.at(RBP, CpuBlock.RANGE_PAGES))
        .alu(Alu.ADD, Mem.at(RBP, CpuBlock.DONE), RAX)
        .mov(Mem.at(RBP, CpuBlock.RANGE_PAGES), 0)
        .label("range.end")
        .alu(Alu.ADD, Mem.at(RBP, CpuBlock.RANGE), CpuBlock.RANGE_BYTES)
        .alu(Alu.CMP, Mem.at(RBP, CpuBlock.RANGE), CpuBlock.RANGES_END)
        .jcc(Cond.NOT_EQUAL, "range");
  }

  /** The hot loop: check a page, then write the next generation into it. */
  private void emitPage() {
    Mem checksum = Mem.at(RBX, Long.BYTES);
    Mem trailer = Mem.at(RBX, WorkingSetPattern.TRAILER_OFFSET);
    asm.label("pages");
    if (paced()) {
      timer.emitTouch();
    }
    asm.alu(Alu.CMP, Mem.at(RBX), R8)
        .jcc(Cond.NOT_EQUAL, "bad.header")
        .alu(Alu.CMP, checksum, R9)
        .jcc(Cond.NOT_EQUAL, "bad.checksum")
        .alu(Alu.CMP, trailer, R9)
        .jcc(Cond.NOT_EQUAL, "bad.trailer")
        .lea(RDI, Mem.at(RBX, R10))
        .mov32(RCX, R11)
        .lea(RAX, Mem.at(R9, R13))
        .rep(StringOp.SCASQ)
        .jcc(Cond.NOT_EQUAL, "bad.body");
    asm.label("rewrite")
        .lea(RDI, Mem.at(RBX, R10))
        .mov32(RCX, R11)
        .lea(RAX, Mem.at(R9, R14))
        .rep(StringOp.STOSQ)
        .mov(checksum, RAX)
        .mov(trailer, RAX)
        .lea(RAX, Mem.at(R8, 1))
        .mov(Mem.at(RBX), RAX)
        .alu(Alu.ADD, R9, WorkingSetPattern.PAGE_STEP)
        .alu(Alu.ADD, R8, RSI)
        .alu(Alu.ADD, RBX, WorkingSetPattern.PAGE_BYTES)
        .dec32(RDX)
        .jcc(Cond.EQUAL, "pace")
        .label("paced")
        .dec(R12)
        .jcc(Cond.NOT_EQUAL, "pages")
        .ret();
  }

  /**
   * Unlimited: look at the timer's counter, never wait. The interrupt is no help here: KVM's
   * emulator seldom delivers one to a guest that opens no more than a window of two instructions.
   */
  private void emitPoll() {
    Mem lastCount = Mem.at(RBP, CpuBlock.LAST_COUNT);
    asm.label("pace")
        .mov32(RAX, Mem.at(R15, GuestRuntime.CURRENT_COUNT))
        .mov32(RCX, lastCount)
        .mov32(lastCount, RAX)
        .alu(Alu.CMP, RAX, RCX)
        .jcc(Cond.NOT_ABOVE, "pace.go")
        .call("on.tick")
        .label("pace.go")
        .mov(RDX, PAGES_PER_POLL)
        .jmp("paced");
  }

  /** Paced: each tick adds to the allowance; wait while it is less than a page. */
  private void emitPacing() {
    Mem allowance = Mem.at(RBP, CpuBlock.ALLOWANCE);
    asm.label("pace")
        .mov(RAX, allowance)
        .shr(RAX, PAGE_SHIFT)
        .test(RAX)
        .jcc(Cond.NOT_EQUAL, "pace.poll")
        .call("wait")
        .test(RAX)
        .jcc(Cond.EQUAL, "pace")
        .call("on.tick")
        .jmp("pace");
    asm.label("pace.poll")
        .call("poll")
        .test(RAX)
        .jcc(Cond.EQUAL, "pace.take")
        .call("on.tick")
        .label("pace.take")
        .mov(RDX, allowance)
        .shr(RDX, PAGE_SHIFT)
        .alu(Alu.CMP, RDX, PAGES_PER_POLL)
        .jcc(Cond.NOT_ABOVE, "pace.go")
        .mov(RDX, PAGES_PER_POLL)
        .label("pace.go")
        .mov(RAX, RDX)
        .shl(RAX, PAGE_SHIFT)
        .alu(Alu.SUB, allowance, RAX)
        .jmp("paced");
  }

  /** Counts a mismatch, keeps the first, and goes on with the next generation. */
  private void emitMismatch() {
    asm.label("bad.header").mov(RDI, RBX).mov(RAX, R8).jmp("bad");
    asm.label("bad.checksum").lea(RDI, Mem.at(RBX, Long.BYTES)).mov(RAX, R9).jmp("bad");
    asm.label("bad.trailer")
        .lea(RDI, Mem.at(RBX, WorkingSetPattern.TRAILER_OFFSET))
        .mov(RAX, R9)
        .jmp("bad");
    asm.label("bad.body").alu(Alu.SUB, RDI, Long.BYTES);
    asm.label("bad")
        .inc(Mem.at(RBP, CpuBlock.MISMATCHES))
        .alu(Alu.CMP, Mem.at(RBP, CpuBlock.MISMATCHES), 1)
        .jcc(Cond.NOT_EQUAL, "rewrite")
        .mov(RCX, Mem.at(RDI))
        .mov(Mem.at(RBP, CpuBlock.FIRST_GPA), RDI)
        .mov(Mem.at(RBP, CpuBlock.FIRST_WANT), RAX)
        .mov(Mem.at(RBP, CpuBlock.FIRST_FOUND), RCX)
        .jmp("rewrite");
  }

  private void emitTick(int tickNanos) {
    Mem allowance = Mem.at(RBP, CpuBlock.ALLOWANCE);
    asm.label("on.tick");
    if (paced()) {
      // At most two ticks' worth is kept: a vCPU that was held up does not catch up in a burst.
      long bytes = allowanceBytes(tickNanos);
      asm.mov(RCX, bytes)
          .mov(RAX, allowance)
          .alu(Alu.ADD, RAX, RCX)
          .alu(Alu.ADD, RCX, RCX)
          .alu(Alu.ADD, RCX, WorkingSetPattern.PAGE_BYTES)
          .alu(Alu.CMP, RAX, RCX)
          .jcc(Cond.NOT_ABOVE, "tick.keep")
          .mov(RAX, RCX)
          .label("tick.keep")
          .mov(allowance, RAX);
    }
    asm.inc(Mem.at(RBP, CpuBlock.TICKS))
        .alu(Alu.CMP, Mem.at(RBP, CpuBlock.TICKS), REPORT_NANOS / tickNanos)
        .jcc(Cond.NOT_BELOW, "report")
        .ret();
  }

  /** Bytes one vCPU may dirty per tick, at least 1. */
  private long allowanceBytes(int tickNanos) {
    double perSecond = (double) params.dirtyBytesPerSecond() / params.vcpus();
    return Math.max(1, Math.round(perSecond * tickNanos / 1e9));
  }

  private void emitReport() {
    asm.label("report")
        .push(RBX, RDX, RSI)
        .mov(Mem.at(RBP, CpuBlock.TICKS), 0)
        .lea(RDI, Mem.at(RBP, CpuBlock.LINE));
    runtime.emitText(GuestReportParser.STANDARD_PREFIX);
    runtime.emitCounter(CpuBlock.CPU);
    runtime.emitText("/" + Integer.toHexString(params.vcpus()) + " it=");
    emitIterations();
    asm.call("hex");
    runtime.emitText(" ok=");
    emitIterations();
    asm.alu(Alu.SUB, RAX, Mem.at(RBP, CpuBlock.MISMATCHES)).call("hex");
    runtime.emitText(" bad=");
    runtime.emitCounter(CpuBlock.MISMATCHES);
    runtime.emitText(" sweeps=");
    runtime.emitCounter(CpuBlock.SWEEPS);
    asm.alu(Alu.CMP, Mem.at(RBP, CpuBlock.MISMATCHES), 0).jcc(Cond.EQUAL, "report.print");
    runtime.emitText(" gpa=");
    runtime.emitCounter(CpuBlock.FIRST_GPA);
    runtime.emitText(" want=");
    runtime.emitCounter(CpuBlock.FIRST_WANT);
    runtime.emitText(" found=");
    runtime.emitCounter(CpuBlock.FIRST_FOUND);
    asm.label("report.print").call("print");
    if (paced()) {
      timer.emitReport();
    }
    asm.pop(RBX, RDX, RSI).ret();
  }

  private void emitIterations() {
    asm.mov(RAX, Mem.at(RBP, CpuBlock.DONE))
        .alu(Alu.ADD, RAX, Mem.at(RBP, CpuBlock.RANGE_PAGES))
        .alu(Alu.SUB, RAX, R12);
  }
}
