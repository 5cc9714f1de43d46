package io.vmferry.streams.transfer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.Request;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class FaultRequestsTest {
  private static final int WINDOW = 4;

  @AutoClose private final TwoHosts hosts = TwoHosts.ofThreeRegions();
  private final GuestPages pages = GuestPages.of(hosts.destination());
  private final PresentBitmap present = new PresentBitmap(pages.count());

  @Test
  void aPageIsAskedForOnceWhoeverWantsIt() throws Exception {
    present.set(1);
    FaultRequests requests = requests();

    assertTrue(requests.demand(0));
    assertFalse(requests.demand(0));
    assertFalse(requests.demand(1), "present before");

    assertEquals(List.of(0L), asked(requests.demanded()));
    assertEquals(List.of(2L, 3L, 4L, 5L), asked(requests.background()));
    assertFalse(requests.demand(3), "on its way");
    assertEquals(List.of(), asked(requests.demanded()));
  }

  @Test
  void theBackgroundFollowsTheDemandedPageAndComesRound() throws Exception {
    FaultRequests requests = requests();
    requests.follow(pages.count() - 3);

    assertEquals(
        List.of(pages.count() - 2, pages.count() - 1, 0L, 1L), asked(requests.background()));
  }

  @Test
  void onlyTheBackgroundKeepsToTheWindow() throws Exception {
    FaultRequests requests = requests();
    for (int page = 0; page < 3 * WINDOW; page++) {
      requests.demand(page);
    }

    assertEquals(3 * WINDOW, asked(requests.demanded()).size());
    assertEquals(WINDOW, asked(requests.background()).size());
    assertEquals(List.of(), asked(requests.background()));
    assertFalse(requests.isWindowHalfFree());
  }

  @Test
  void answersFreeTheWindow() throws Exception {
    FaultRequests requests = requests();
    asked(requests.background());
    for (int i = 0; i < WINDOW / 2; i++) {
      assertEquals(i, requests.oldest());
      requests.takeOldest();
    }

    assertTrue(requests.isWindowHalfFree());
    assertEquals(List.of(4L, 5L), asked(requests.background()));
  }

  @Test
  void demandsWithoutAnAnswerAreKeptInTheirOrder() throws Exception {
    FaultRequests requests = requests();
    requests.demand(9);
    requests.demand(7);
    asked(requests.demanded());
    asked(requests.background());
    requests.demand(8);

    requests.takeOldest();

    assertEquals(List.of(pages.gpaOf(7), pages.gpaOf(8)), requests.unanswered());
  }

  @Test
  void theEndIsARequestOfItsOwn() throws Exception {
    FaultRequests requests = requests();

    Request end = Request.decode(requests.end(), Extensions.known());

    assertEquals(Command.FILLED, end.command());
    assertEquals(FaultRequests.END, requests.oldest());
    requests.takeOldest();
    assertTrue(requests.areAnswered());
    assertTrue(requests.isWindowHalfFree());
  }

  @Test
  void aSourceThatWantsToKnowHearsWhatNobodyWaitsFor() throws Exception {
    FaultRequests requests = requests(Extensions.of(Extension.PREFAULT));
    requests.demand(5);

    assertEquals(Command.PAGE_FAULT, Request.decode(requests.demanded()).command());
    Request background = Request.decode(requests.background(), Extensions.known());
    assertEquals(Command.PREFAULT, background.command());
  }

  private FaultRequests requests(Extensions agreed) {
    return new FaultRequests(pages, present, new RequestWindow(WINDOW, WINDOW), agreed);
  }

  private FaultRequests requests() {
    return requests(Extensions.NONE);
  }

  /** The pages that frames ask for. */
  private List<Long> asked(ByteBuffer frames) throws IOException {
    List<Long> asked = new ArrayList<>();
    while (frames.hasRemaining()) {
      assertEquals(Command.PAGE_FAULT, Request.decode(frames).command());
      MemoryRange page = MemoryRange.decode(frames);
      assertEquals(Guests.PAGE, page.length());
      asked.add(pages.indexOf(page.gpa()));
    }
    return asked;
  }
}
