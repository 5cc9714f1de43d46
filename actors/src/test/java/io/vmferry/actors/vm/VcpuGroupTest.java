package io.vmferry.actors.vm;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.apache.pekko.actor.testkit.typed.javadsl.TestInbox;
import org.junit.jupiter.api.Test;

class VcpuGroupTest {
  private final VcpuGroup vcpus = new VcpuGroup();
  private final TestInbox<Vcpu.Command> first = TestInbox.create();
  private final TestInbox<Vcpu.Command> second = TestInbox.create();

  VcpuGroupTest() {
    vcpus.add(first.getRef());
    vcpus.add(second.getRef());
  }

  @Test
  void waitsForAllAndForgetsTheAnswersToTheQuestionBefore() {
    vcpus.tell(new Vcpu.Pause());
    assertFalse(vcpus.answered(0));
    assertTrue(vcpus.answered(1));

    vcpus.tell(new Vcpu.Run());

    assertFalse(vcpus.answered(1));
    assertTrue(vcpus.answered(0));
  }

  @Test
  void doesNotWaitForOneWhoseThreadHasEnded() {
    assertFalse(vcpus.ended(1));

    vcpus.tell(new Vcpu.End());

    assertFalse(vcpus.haveEnded());
    assertTrue(vcpus.ended(0));
    assertTrue(vcpus.haveEnded());
  }
}
