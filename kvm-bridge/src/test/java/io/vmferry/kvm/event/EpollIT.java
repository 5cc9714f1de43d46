package io.vmferry.kvm.event;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class EpollIT {
  @Test
  void countsSignalsAndDrainsThemOnce() throws Exception {
    try (EventFd event = EventFd.create()) {
      assertEquals(0, event.drain());

      event.signal();
      event.signal();

      assertEquals(2, event.drain());
      assertEquals(0, event.drain());
    }
  }

  @Test
  void reportsTheDataOfTheDescriptorsThatAreReady() throws Exception {
    try (Epoll epoll = Epoll.create();
        EventFd first = EventFd.create();
        EventFd second = EventFd.create()) {
      Epoll.Events events = new Epoll.Events(4);
      epoll.add(first.fd(), Epoll.IN, 0x1111_2222_3333_4444L);
      epoll.add(second.fd(), Epoll.IN, -2);
      assertEquals(0, epoll.await(events, 0));

      second.signal();
      assertEquals(1, epoll.await(events, -1));
      assertEquals(-2, events.data(0));
      assertEquals(Epoll.IN, events.events(0));
      assertThrows(IndexOutOfBoundsException.class, () -> events.data(1));

      first.signal();
      assertEquals(2, epoll.await(events, -1));
      assertEquals(0x1111_2222_3333_4444L - 2, events.data(0) + events.data(1));
    }
  }

  @Test
  void moreEventsThanThereIsRoomForComeWithTheNextWait() throws Exception {
    try (Epoll epoll = Epoll.create();
        EventFd first = EventFd.create();
        EventFd second = EventFd.create()) {
      Epoll.Events events = new Epoll.Events(1);
      epoll.add(first.fd(), Epoll.IN | Epoll.EDGE, 1);
      epoll.add(second.fd(), Epoll.IN | Epoll.EDGE, 2);
      first.signal();
      second.signal();

      assertEquals(1, epoll.await(events, -1));
      long one = events.data(0);
      assertEquals(1, epoll.await(events, -1));

      assertEquals(3, one + events.data(0));
      assertEquals(0, epoll.await(events, 0));
    }
  }

  @Test
  void modifyAndRemoveChangeWhatIsWaitedFor() throws Exception {
    try (Epoll epoll = Epoll.create();
        EventFd event = EventFd.create()) {
      Epoll.Events events = new Epoll.Events(4);
      epoll.add(event.fd(), 0, 1);
      event.signal();
      assertEquals(0, epoll.await(events, 0));

      epoll.modify(event.fd(), Epoll.IN | Epoll.OUT, 5);
      assertEquals(1, epoll.await(events, 0));
      assertEquals(5, events.data(0));
      assertEquals(Epoll.IN | Epoll.OUT, events.events(0));

      epoll.remove(event.fd());
      assertEquals(0, epoll.await(events, 0));
      var refused = assertThrows(SyscallException.class, () -> epoll.remove(event.fd()));
      assertEquals(Errno.ENOENT, refused.errno());
    }
  }

  @Test
  void waitsForItsTimeoutAndNoLonger() throws Exception {
    try (Epoll epoll = Epoll.create()) {
      long start = System.nanoTime();

      assertEquals(0, epoll.await(new Epoll.Events(1), 50));

      long millis = (System.nanoTime() - start) / 1_000_000;
      assertTrue(millis >= 49 && millis < 10_000, () -> millis + " ms");
    }
  }

  @Test
  void aSignalFromAnotherThreadWakesAWaiter() throws Exception {
    try (Epoll epoll = Epoll.create();
        EventFd event = EventFd.create()) {
      epoll.add(event.fd(), Epoll.IN, 7);
      var waiter =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return epoll.await(new Epoll.Events(1), -1);
                } catch (SyscallException e) {
                  throw new IllegalStateException(e);
                }
              });

      event.signal();

      assertEquals(1, waiter.get(20, SECONDS));
    }
  }

  @Test
  void aDuplicateSignalsTheSameCounter() throws Exception {
    try (EventFd event = EventFd.create();
        OwnedFd copy = event.fd().duplicate();
        EventFd same = EventFd.adopt(copy)) {
      same.signal();

      assertEquals(1, event.drain());
    }
  }

  @Test
  void eventStructHasTheKernelsSize() {
    // Source: include/uapi/linux/eventpoll.h: packed on x86-64.
    assertEquals(System.getProperty("os.arch").equals("amd64") ? 12 : 16, Epoll.EVENT_BYTES);
  }
}
