package io.vmferry.daemon.faults;

import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The table of docs/reliability.md. */
final class FaultSummary {
  private final List<Outcome> outcomes;

  FaultSummary(List<Outcome> outcomes) {
    this.outcomes = List.copyOf(outcomes);
  }

  /** A row for each mode and one for all, then what went wrong. */
  String markdown() {
    StringBuilder text =
        new StringBuilder(
            "| mode | scenarios | fault struck | stayed | moved | waits or unconfirmed"
                + " | gone with its killed process | guests lost | guests doubled"
                + " | memory mismatches untold | leaks | other faults"
                + " | slowest detection ms | slowest recovery ms |\n"
                + "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | ---"
                + " | --- |\n");
    for (Mode mode : Mode.values()) {
      row(text, mode.toString(), o -> o.scenario().mode() == mode);
    }
    row(text, "all", o -> true);
    outcomes.stream()
        .filter(outcome -> !outcome.isGood())
        .forEach(outcome -> text.append("\n- ").append(outcome));
    return text.toString();
  }

  private void row(StringBuilder text, String name, Predicate<Outcome> which) {
    List<Outcome> row = outcomes.stream().filter(which).toList();
    if (row.isEmpty()) {
      return;
    }
    text.append(
        String.format(
            Locale.ROOT,
            "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %s | %s |%n",
            name,
            row.size(),
            count(row, Outcome::reached),
            count(row, o -> o.verdict() == Verdict.STAYED),
            count(row, o -> o.verdict() == Verdict.MOVED),
            count(row, FaultSummary::isOpen),
            count(row, o -> o.verdict() == Verdict.LOST_WITH_PROCESS),
            count(row, o -> o.verdict() == Verdict.LOST || o.verdict() == Verdict.STUCK),
            count(row, o -> o.verdict() == Verdict.DOUBLED),
            count(row, o -> o.mismatches() > 0 && !o.damageTold()),
            count(row, o -> !o.leak().isEmpty()),
            count(row, o -> !o.isGood()),
            slowest(row, Outcome::detectionMillis),
            slowest(row, Outcome::recoveryMillis)));
  }

  private static boolean isOpen(Outcome outcome) {
    return switch (outcome.verdict()) {
      case WAITS, RUNS_UNCONFIRMED, KEPT_UNCONFIRMED -> true;
      default -> false;
    };
  }

  private static long count(List<Outcome> row, Predicate<Outcome> what) {
    return row.stream().filter(what).count();
  }

  private static String slowest(List<Outcome> row, Function<Outcome, @Nullable Long> of) {
    return row.stream()
        .map(of)
        .filter(Objects::nonNull)
        .max(Long::compare)
        .map(String::valueOf)
        .orElse("-");
  }
}
