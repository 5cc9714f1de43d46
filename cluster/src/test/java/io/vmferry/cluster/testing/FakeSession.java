package io.vmferry.cluster.testing;

import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.MigrationFailure;
import io.vmferry.actors.migration.MigrationPhase;
import io.vmferry.actors.migration.MigrationProgress;
import io.vmferry.actors.migration.MigrationSummary;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import org.apache.pekko.actor.typed.ActorRef;
import org.jspecify.annotations.Nullable;

/**
 * A pretended migration over a real socket, so that a peer that is refused, cancelled or killed
 * looks as it would: the source sends the guest's name, then HANDOVER or ABANDON; the destination
 * answers RESUMED. One thread a session.
 */
final class FakeSession implements Closeable {
  private static final int POLL_MILLIS = 30;

  private final String id;
  private final MemoryMode mode;
  private final FakeScript script;
  private final FakeGuests guests;
  private final ActorRef<MigrationEvent> follower;
  private volatile boolean cancelled;
  private volatile boolean handedOver;
  private volatile @Nullable Closeable socket;
  private String vm = "";

  FakeSession(
      String id,
      MemoryMode mode,
      FakeScript script,
      FakeGuests guests,
      ActorRef<MigrationEvent> follower) {
    this.id = id;
    this.mode = mode;
    this.script = script;
    this.guests = guests;
    this.follower = follower;
  }

  String id() {
    return id;
  }

  /** Whether it came in time. */
  boolean cancel() {
    if (handedOver) {
      return false;
    }
    cancelled = true;
    return true;
  }

  @Override
  public void close() throws IOException {
    Closeable open = socket;
    if (open != null) {
      open.close();
    }
  }

  void send(String name, String url) {
    vm = name;
    LifeCycle before = guests.lifeCycle(name);
    guests.put(name, LifeCycle.MIGRATING, id);
    run("send", () -> sendOver(url, before));
  }

  /** Binds; returns where. */
  String receive(String url) throws IOException {
    ServerSocketChannel listener;
    String bound = url;
    if (MigrationUrl.parse(url) instanceof MigrationUrl.Tcp tcp) {
      listener = ServerSocketChannel.open();
      listener.bind(new InetSocketAddress(tcp.host(), tcp.port()));
      InetSocketAddress at = (InetSocketAddress) listener.getLocalAddress();
      bound = "tcp:" + at.getHostString() + ":" + at.getPort();
    } else {
      listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
      listener.bind(address(url));
    }
    socket = listener;
    run("receive", () -> receiveOver(listener, url));
    return bound;
  }

  private interface Body {
    void run() throws IOException;
  }

  private void run(String what, Body body) {
    Thread thread =
        new Thread(
            () -> {
              try {
                body.run();
              } catch (IOException e) {
                fail(FailureCode.PEER_LOST, e.toString(), GuestLocation.UNKNOWN);
              }
            },
            "fake-" + what + "-" + id);
    thread.setDaemon(true);
    thread.start();
  }

  private void sendOver(String url, @Nullable LifeCycle before) {
    try (SocketChannel channel = open(url)) {
      socket = channel;
      Lines lines = new Lines(channel);
      lines.write("GUEST " + vm);
      progress(MigrationPhase.PRECOPY);
      do {
        if (cancelled) {
          lines.write("ABANDON");
          stay(before, FailureCode.CANCELLED, "The migration was cancelled.");
          return;
        }
        lines.expectNothing();
      } while (script.hold);
      handedOver = true;
      progress(MigrationPhase.SWITCHOVER);
      guests.put(vm, LifeCycle.HANDOVER_UNKNOWN, id);
      lines.write("HANDOVER");
      String answer = lines.read();
      if (!"RESUMED".equals(answer)) {
        fail(FailureCode.PEER_LOST, "The answer to Complete is lost.", GuestLocation.UNKNOWN);
        return;
      }
      guests.put(vm, LifeCycle.HANDED_OVER, id);
      progress(MigrationPhase.POSTCOPY);
      while (script.holdAfterHandover) {
        lines.expectNothing();
      }
      guests.remove(vm);
      tell(new MigrationEvent.Finished(summary()));
    } catch (IOException e) {
      if (handedOver) {
        fail(FailureCode.PEER_LOST, "The destination is gone.", GuestLocation.UNKNOWN);
      } else {
        stay(before, FailureCode.PEER_LOST, "The destination closed the connection.");
      }
    }
  }

  private void receiveOver(ServerSocketChannel listener, String url) throws IOException {
    try (listener;
        SocketChannel channel = accept(listener, url)) {
      if (channel == null) {
        fail(FailureCode.CANCELLED, "The migration was cancelled.", GuestLocation.SOURCE);
        return;
      }
      socket = channel;
      Lines lines = new Lines(channel);
      vm = lines.read().substring("GUEST ".length());
      guests.put(vm, LifeCycle.MIGRATING, id);
      progress(MigrationPhase.PRECOPY);
      String order = cancelled ? "CANCEL" : lines.readUnless(() -> cancelled);
      if (!order.equals("HANDOVER")) {
        guests.remove(vm);
        fail(FailureCode.CANCELLED, "The migration was given up.", GuestLocation.SOURCE);
        return;
      }
      while (script.holdAnswer) {
        lines.expectNothing();
      }
      handedOver = true;
      guests.put(vm, LifeCycle.RUNNING, id);
      lines.write("RESUMED");
      progress(MigrationPhase.POSTCOPY);
      tell(new MigrationEvent.Finished(summary()));
    } catch (IOException e) {
      guests.remove(vm);
      fail(FailureCode.PEER_LOST, "The source closed the connection.", GuestLocation.SOURCE);
    }
  }

  private @Nullable SocketChannel accept(ServerSocketChannel listener, String url)
      throws IOException {
    if (url.startsWith("unix:")) {
      return listener.accept();
    }
    listener.socket().setSoTimeout(POLL_MILLIS);
    while (!cancelled) {
      try {
        return listener.socket().accept().getChannel();
      } catch (SocketTimeoutException e) {
        // Look whether it was cancelled.
      }
    }
    return null;
  }

  private static SocketChannel open(String url) throws IOException {
    return SocketChannel.open(address(url));
  }

  private static SocketAddress address(String url) {
    return MigrationUrl.parse(url) instanceof MigrationUrl.Tcp tcp
        ? new InetSocketAddress(tcp.host(), tcp.port())
        : UnixDomainSocketAddress.of(url.substring("unix:".length()));
  }

  private void stay(@Nullable LifeCycle before, FailureCode code, String reason) {
    guests.put(vm, before == null ? LifeCycle.RUNNING : before, id);
    fail(code, reason, GuestLocation.SOURCE);
  }

  private void fail(FailureCode code, String reason, GuestLocation location) {
    tell(
        new MigrationEvent.Failed(
            new MigrationFailure(id, vm, code, MigrationPhase.PRECOPY, reason, location, false)));
  }

  private void progress(MigrationPhase phase) {
    tell(
        new MigrationEvent.Progressed(
            new MigrationProgress(id, vm, phase, 1, 64L << 20, 1, 2, 3, 4, null, null, 0, 0)));
  }

  private void tell(MigrationEvent event) {
    if (!script.dead) {
      follower.tell(event);
    }
  }

  private MigrationSummary summary() {
    return new MigrationSummary(
        id,
        vm,
        mode,
        "kvm",
        64L << 20,
        5,
        4,
        1,
        2,
        3,
        1,
        64L << 20,
        0,
        0,
        0,
        0,
        script.digest,
        false);
  }

  private interface Stop {
    boolean now();
  }

  /** Lines over the socket. */
  private static final class Lines {
    private final SocketChannel channel;
    private final boolean tcp;
    private final OutputStream out;
    private final BufferedReader in;

    Lines(SocketChannel channel) throws IOException {
      this.channel = channel;
      this.tcp = channel.getLocalAddress() instanceof InetSocketAddress;
      this.out = tcp ? channel.socket().getOutputStream() : Channels.newOutputStream(channel);
      this.in =
          new BufferedReader(
              new InputStreamReader(
                  tcp ? channel.socket().getInputStream() : Channels.newInputStream(channel),
                  StandardCharsets.US_ASCII));
    }

    void write(String line) throws IOException {
      out.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
      out.flush();
    }

    String read() throws IOException {
      if (tcp) {
        channel.socket().setSoTimeout(0);
      }
      String line = in.readLine();
      if (line == null) {
        throw new IOException("end of stream");
      }
      return line;
    }

    String readUnless(Stop stop) throws IOException {
      if (!tcp) {
        return read();
      }
      channel.socket().setSoTimeout(POLL_MILLIS);
      while (!stop.now()) {
        try {
          String line = in.readLine();
          if (line == null) {
            throw new IOException("end of stream");
          }
          return line;
        } catch (SocketTimeoutException e) {
          // Look again.
        }
      }
      return "CANCEL";
    }

    /** Waits a moment; an end of stream shows that the peer is gone. */
    void expectNothing() throws IOException {
      if (!tcp) {
        return;
      }
      channel.socket().setSoTimeout(POLL_MILLIS);
      try {
        in.mark(1);
        if (in.read() < 0) {
          throw new IOException("end of stream");
        }
        in.reset();
      } catch (SocketTimeoutException e) {
        // As it should be.
      }
    }
  }
}
