package io.vmferry.streams.transfer;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Extensions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.stream.Materializer;

/**
 * What a transfer needs of its two hosts, in one JVM: a guest memory on each, and real connections
 * between them. Made for each test, as a field with {@code @AutoClose}: closed behind its
 * {@code @AfterEach}.
 */
final class TwoHosts implements AutoCloseable {
  private final GuestMemory source;
  private final GuestMemory destination;
  private final List<Pair> pairs = new ArrayList<>();

  /** Owns both memories from here on. */
  TwoHosts(GuestMemory source, GuestMemory destination) {
    this.source = source;
    this.destination = destination;
  }

  /** Hosts with memories like {@link Guests#threeRegions}, both empty. */
  static TwoHosts ofThreeRegions() {
    try {
      return new TwoHosts(Guests.threeRegions(), Guests.threeRegions());
    } catch (IOException e) {
      throw new UncheckedIOException(e); // so that it fits a field
    }
  }

  GuestMemory source() {
    return source;
  }

  GuestMemory destination() {
    return destination;
  }

  /** One more connection. */
  Pair connect() throws IOException {
    return add(Pair.tcp());
  }

  /** One more connection, for page faults. */
  Pair connectFaults() throws IOException {
    return add(Pair.fault());
  }

  private Pair add(Pair pair) {
    pairs.add(pair);
    return pair;
  }

  /** So many more connections. */
  void connect(int connections) throws IOException {
    for (int i = 0; i < connections; i++) {
      connect();
    }
  }

  /** Every connection, open or closed, oldest first. */
  List<Pair> pairs() {
    return pairs;
  }

  /** The source's end of every connection. */
  List<Connection> sources() {
    return pairs.stream().map(Pair::source).toList();
  }

  /** Receives memory on every connection; one result for each. */
  List<CompletableFuture<ReceivedMemory>> receive(Extensions agreed, Materializer materializer) {
    MemoryReceiver receiver = new MemoryReceiver(destination, agreed, bytes -> {});
    return pairs.stream()
        .map(pair -> receiver.receiveAll(pair.destination(), materializer).toCompletableFuture())
        .toList();
  }

  /** Closes every connection; those that are closed stay so. */
  void disconnect() {
    pairs.forEach(Pair::close);
  }

  @Override
  public void close() {
    disconnect();
    source.close();
    destination.close();
  }
}
