package io.vmferry.daemon.node;

import io.vmferry.daemon.api.MigrationView;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.apache.pekko.NotUsed;
import org.apache.pekko.stream.OverflowStrategy;
import org.apache.pekko.stream.javadsl.Source;
import org.apache.pekko.stream.javadsl.SourceQueueWithComplete;
import org.jspecify.annotations.Nullable;

/**
 * The migrations that this node started or was asked about, with their newest state. A final state
 * stays; the oldest ended migrations are forgotten. Thread-safe.
 */
final class MigrationBoard {
  // A reader that is slower than this many states misses the oldest of them, never the last.
  private static final int READER_STATES = 16;

  private static final class Entry {
    MigrationView view;
    final Set<SourceQueueWithComplete<MigrationView>> readers = new LinkedHashSet<>();

    Entry(MigrationView view) {
      this.view = view;
    }
  }

  private final int history;
  private final Map<String, Entry> entries = new LinkedHashMap<>();

  /**
   * @param history ended migrations to remember
   */
  MigrationBoard(int history) {
    this.history = history;
  }

  /**
   * Makes or changes an entry, and tells its readers.
   *
   * @param initial what an unknown migration begins as
   * @param change not called for a migration that has ended
   * @return the newest state
   */
  synchronized MigrationView update(MigrationView initial, UnaryOperator<MigrationView> change) {
    Entry known = entries.get(initial.id());
    if (known != null && known.view.isFinal()) {
      return known.view;
    }
    MigrationView view = change.apply(known == null ? initial : known.view);
    Entry entry = entries.computeIfAbsent(view.id(), id -> new Entry(view));
    entry.view = view;
    entry.readers.forEach(reader -> reader.offer(view));
    if (view.isFinal()) {
      entry.readers.forEach(SourceQueueWithComplete::complete);
      entry.readers.clear();
      forgetOldest();
    }
    return view;
  }

  /** The newest state, or null if there is no such migration here. */
  synchronized @Nullable MigrationView find(String id) {
    Entry entry = entries.get(id);
    return entry == null ? null : entry.view;
  }

  /** Those that have not ended. */
  synchronized List<MigrationView> active() {
    return entries.values().stream().map(e -> e.view).filter(view -> !view.isFinal()).toList();
  }

  /** How many follow a migration. */
  synchronized int readers(String id) {
    Entry entry = entries.get(id);
    return entry == null ? 0 : entry.readers.size();
  }

  /** The states of a migration from now on, the last of them final. */
  Source<MigrationView, NotUsed> follow(String id) {
    return Source.<MigrationView>queue(READER_STATES, OverflowStrategy.dropHead())
        .mapMaterializedValue(
            reader -> {
              attach(id, reader);
              return NotUsed.getInstance();
            });
  }

  private synchronized void attach(String id, SourceQueueWithComplete<MigrationView> reader) {
    Entry entry = entries.get(id);
    if (entry == null) {
      reader.complete();
      return;
    }
    reader.offer(entry.view);
    if (entry.view.isFinal()) {
      reader.complete();
      return;
    }
    entry.readers.add(reader);
    reader.watchCompletion().whenComplete((done, failure) -> detach(id, reader));
  }

  private synchronized void detach(String id, SourceQueueWithComplete<MigrationView> reader) {
    Entry entry = entries.get(id);
    if (entry != null) {
      entry.readers.remove(reader);
    }
  }

  private void forgetOldest() {
    long ended = entries.values().stream().filter(e -> e.view.isFinal()).count();
    Iterator<Entry> oldest = entries.values().iterator();
    while (ended > history && oldest.hasNext()) {
      if (oldest.next().view.isFinal()) {
        oldest.remove();
        ended--;
      }
    }
  }
}
