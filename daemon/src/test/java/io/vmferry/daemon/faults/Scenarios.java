package io.vmferry.daemon.faults;

import io.vmferry.streams.wire.Command;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/** The matrix: every mode, every message of it, every fault that makes sense there, either side. */
final class Scenarios {
  /** A message of a mode, the n-th of its kind. */
  record Point(MessageKind kind, int nth) {}

  private static final Set<Fault> ANYWHERE =
      EnumSet.of(
          Fault.CUT,
          Fault.HALF_CLOSE,
          Fault.STALL,
          Fault.DELAY,
          Fault.KILL,
          Fault.STOP,
          Fault.FREEZE);

  // All modes begin alike; over TCP and over UNIX sockets, with pages fetched and without.
  private static final Set<Mode> BEGINNINGS = EnumSet.of(Mode.PRECOPY, Mode.POSTCOPY, Mode.LOCAL);
  // Their receivers have taken something before the whole is there.
  private static final Set<Command> STALLED_HALF_WAY =
      EnumSet.of(Command.MEMORY, Command.DISCARD, Command.STATE, Command.COMPLETE);
  // What their answers say decides where the guest is: a process breaks before them too.
  private static final Set<Command> DECIDING =
      EnumSet.of(Command.COMPLETE, Command.OWNER, Command.MISSING, Command.PAGE_FAULT);

  // What the whole matrix has found once stays in the slice.
  private static final Set<String> FOUND =
      Set.of(
          "postcopy, push role 1: cut before",
          "postcopy, fault PAGE_FAULT 1: duplicate",
          "hybrid, push role 1: half close before",
          "postcopy, recovering, resume MISSING 1: kill before, source");

  private Scenarios() {}

  /** All of them, in the order of the modes; those that kill stand last in their mode. */
  static List<Scenario> all() {
    List<Scenario> all = new ArrayList<>();
    for (Mode mode : Mode.values()) {
      List<Scenario> killing = new ArrayList<>();
      for (Point point : points(mode)) {
        for (Scenario scenario : at(mode, point)) {
          (scenario.fault() == Fault.KILL ? killing : all).add(scenario);
        }
      }
      // By side, so that the one that is looked at need not be warmed up again and again.
      killing.sort(Comparator.comparing(Scenario::side));
      all.addAll(killing);
    }
    return all;
  }

  /** The messages of a mode. */
  static List<Point> points(Mode mode) {
    List<Point> points = new ArrayList<>();
    if (BEGINNINGS.contains(mode)) {
      add(points, Carrier.MAIN, Command.START);
      add(points, Carrier.MAIN, Command.IDENTIFY);
      points.add(new Point(MessageKind.role(Carrier.HEARTBEAT), 1));
      add(points, Carrier.HEARTBEAT, Command.ALIVE);
    }
    if (mode == Mode.LOCAL) {
      add(points, Carrier.MAIN, Command.MEMORY_FD);
    }
    add(points, Carrier.MAIN, Command.CONFIG);
    switch (mode) {
      case PRECOPY, HYBRID -> {
        add(points, Carrier.MAIN, Command.MEMORY);
        points.add(new Point(MessageKind.request(Carrier.MAIN, Command.MEMORY), 2));
      }
      case PRECOPY_4 -> {
        points.add(new Point(MessageKind.role(Carrier.MEMORY), 2));
        add(points, Carrier.MEMORY, Command.MEMORY);
        points.add(new Point(MessageKind.request(Carrier.MEMORY, Command.MEMORY), 2));
      }
      case POSTCOPY, LOCAL -> {}
    }
    if (mode.fetchesPages()) {
      points.add(new Point(MessageKind.role(Carrier.FAULT), 1));
    }
    if (mode == Mode.HYBRID) {
      add(points, Carrier.MAIN, Command.DISCARD);
    }
    add(points, Carrier.MAIN, Command.STATE);
    add(points, Carrier.MAIN, Command.COMPLETE);
    points.add(new Point(MessageKind.request(Carrier.MAIN, Command.SETTLED), 1));
    if (mode.fetchesPages()) {
      points.add(new Point(MessageKind.role(Carrier.PUSH), 1));
      add(points, Carrier.FAULT, Command.PAGE_FAULT);
      points.add(new Point(MessageKind.answer(Carrier.FAULT, Command.PAGE_FAULT), 2));
      points.add(new Point(MessageKind.request(Carrier.PUSH, Command.MEMORY), 1));
      points.add(new Point(MessageKind.request(Carrier.PUSH, Command.PUSHED), 1));
      add(points, Carrier.FAULT, Command.FILLED);
    }
    if (mode != Mode.PRECOPY_4) {
      points.addAll(recovery(mode));
    }
    return points;
  }

  private static void add(List<Point> points, Carrier carrier, Command command) {
    points.add(new Point(MessageKind.request(carrier, command), 1));
    points.add(new Point(MessageKind.answer(carrier, command), 1));
  }

  /** What breaks a migration so that it must be taken up again. */
  private static Trap breakage(Mode mode) {
    MessageKind kind =
        mode.fetchesPages()
            ? MessageKind.request(Carrier.PUSH, Command.MEMORY)
            : MessageKind.answer(Carrier.MAIN, Command.COMPLETE);
    return Trap.at(kind, 1, Place.BEFORE, Fault.CUT_ALL);
  }

  /** The messages that take a broken migration up again. */
  private static List<Point> recovery(Mode mode) {
    List<Point> points = new ArrayList<>();
    points.add(new Point(MessageKind.role(Carrier.RESUME), 1));
    add(points, Carrier.RESUME, Command.IDENTIFY);
    add(points, Carrier.RESUME, Command.OWNER);
    if (mode.fetchesPages()) {
      add(points, Carrier.RESUME, Command.MISSING);
    }
    return points;
  }

  /** Every fault that makes sense at a message. */
  static List<Scenario> at(Mode mode, Point point) {
    List<Scenario> some = new ArrayList<>();
    Trap first = point.kind().carrier() == Carrier.RESUME ? breakage(mode) : null;
    for (Fault fault : faults(point)) {
      for (Place place : places(fault, point.kind())) {
        Trap trap = new Trap(point.kind(), point.nth(), place, fault, until(point), 7);
        if (fault.breaksProcess()) {
          for (Side side : sides(fault)) {
            some.add(new Scenario(mode, first, trap, side));
          }
        } else {
          some.add(new Scenario(mode, first, trap, trap.kind().sender()));
        }
      }
    }
    return some;
  }

  private static Set<Fault> faults(Point point) {
    Set<Fault> faults = EnumSet.copyOf(ANYWHERE);
    MessageKind kind = point.kind();
    faults.add(Fault.FLIP_HEADER);
    switch (kind.carrier()) {
      case MEMORY, FAULT, PUSH -> {
        faults.add(Fault.CUT_ALL);
        faults.add(Fault.REORDER);
      }
      default -> {}
    }
    if (kind.command() == null) {
      return faults;
    }
    faults.add(Fault.DUPLICATE);
    if (kind.answer() && !DECIDING.contains(kind.command())) {
      // What breaks before the next request breaks after this answer.
      faults.remove(Fault.KILL);
      faults.remove(Fault.STOP);
      faults.remove(Fault.FREEZE);
    }
    if (kind.command() == Command.MEMORY && !kind.answer()) {
      faults.add(Fault.FLIP_PAGES);
    }
    if (!kind.answer() && kind.carrier() != Carrier.HEARTBEAT) {
      faults.add(Fault.FULL);
      faults.add(Fault.NO_DESCRIPTORS);
    }
    if (!kind.answer() && kind.carrier() == Carrier.MAIN) {
      faults.add(Fault.REFUSE);
    }
    // Config and State are JSON without a checksum of their own: a flip among their bytes is for
    // TLS to find, and the header's are flipped at every other message.
    if (kind.command() == Command.CONFIG || kind.command() == Command.STATE) {
      faults.remove(Fault.FLIP_HEADER);
    }
    return faults;
  }

  // Before an answer is after its request was carried out, and after it is before the next request.
  private static List<Place> places(Fault fault, MessageKind kind) {
    return switch (fault) {
      case CUT -> List.of(Place.values());
      case STALL ->
          !kind.answer() && STALLED_HALF_WAY.contains(kind.command())
              ? List.of(Place.BEFORE, Place.MIDDLE)
              : List.of(Place.BEFORE);
      case KILL ->
          kind.answer() && kind.command() == Command.COMPLETE
              ? List.of(Place.BEFORE, Place.AFTER)
              : List.of(Place.BEFORE);
      default -> List.of(Place.BEFORE);
    };
  }

  private static List<Side> sides(Fault fault) {
    return switch (fault) {
      // The source writes to no file in a migration.
      case FULL -> List.of(Side.DESTINATION);
      default -> List.of(Side.values());
    };
  }

  /** What a message of an additional connection is held back behind. */
  private static MessageKind until(Point point) {
    return switch (point.kind().carrier()) {
      case MEMORY -> MessageKind.request(Carrier.MEMORY, Command.MEMORY);
      case FAULT ->
          point.kind().command() == Command.FILLED
              ? MessageKind.request(Carrier.PUSH, Command.PUSHED)
              : MessageKind.request(Carrier.PUSH, Command.MEMORY);
      case PUSH -> MessageKind.answer(Carrier.FAULT, Command.PAGE_FAULT);
      default -> MessageKind.request(Carrier.MAIN, Command.STATE);
    };
  }

  /** A migration to which nothing happens. */
  static Scenario harmless(Mode mode) {
    return Scenario.link(
        mode,
        Trap.at(MessageKind.request(Carrier.MAIN, Command.START), 0, Place.BEFORE, Fault.DELAY));
  }

  /** A few of each mode that take little time, for every build. */
  static List<Scenario> slice() {
    Set<Fault> quick =
        EnumSet.of(Fault.CUT, Fault.DUPLICATE, Fault.FLIP_HEADER, Fault.REFUSE, Fault.FULL);
    List<Scenario> of = new ArrayList<>(all());
    of.removeIf(scenario -> !quick.contains(scenario.fault()));
    List<Scenario> slice = new ArrayList<>();
    // A prime step, so that every fault comes and not the same one at every message.
    for (int i = 0; i < of.size(); i += 13) {
      slice.add(of.get(i));
    }
    all().stream().filter(scenario -> FOUND.contains(scenario.toString())).forEach(slice::add);
    return slice;
  }

  /** Some of the matrix, and what it leaves open: the place, the count and the seed. */
  static List<Scenario> random(int number, long seed) {
    Random random = new Random(seed);
    List<Scenario> some = new ArrayList<>();
    while (some.size() < number) {
      Mode mode = pick(List.of(Mode.values()), random);
      Point point = pick(points(mode), random);
      Scenario scenario = pick(at(mode, point), random);
      if (scenario.fault() == Fault.KILL) {
        // A new process takes longer than all the rest; the matrix has them.
        continue;
      }
      Trap trap = scenario.trap();
      boolean moves = trap.fault() == Fault.CUT || trap.fault() == Fault.STALL;
      Trap other =
          new Trap(
              trap.kind(),
              trap.nth(),
              moves ? pick(List.of(Place.values()), random) : trap.place(),
              trap.fault(),
              trap.until(),
              random.nextInt(1 << 20));
      some.add(new Scenario(mode, scenario.first(), other, scenario.side()));
    }
    return some;
  }

  static <T> T pick(List<T> of, Random random) {
    return of.get(random.nextInt(of.size()));
  }
}
