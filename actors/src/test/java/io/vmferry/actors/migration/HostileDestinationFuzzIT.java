package io.vmferry.actors.migration;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.testing.Fuzz;
import io.vmferry.streams.testing.HostileServer;
import io.vmferry.streams.testing.Mutator;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.GuestOwner;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.MigrationKey;
import io.vmferry.streams.wire.Response;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The control commands of a source, to a destination whose answers are almost right. */
@Timeout(3600)
class HostileDestinationFuzzIT {
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  @Test
  void aSourceGoesOnOrGivesUp() throws Exception {
    try (HostileServer destination = new HostileServer();
        GuestMemory memory = GuestMemory.allocate(8 << 20, PageSize.KIB_4)) {
      memory.write(new Gpa(0), new byte[] {1});
      MigrationUrl url = MigrationUrl.parse("tcp:127.0.0.1:" + destination.port());
      Fuzz.of(HostileDestinationFuzzIT.class, 1_000)
          .refusedWith(IOException.class)
          .run(
              random -> {
                Mutator mutator = new Mutator(random);
                destination.answer(mutator.mutate(answers(random)));
                try (SourceChannel channel = new SourceChannel(url, null, PATIENCE, PATIENCE)) {
                  talk(channel, memory, random);
                } catch (SyscallException e) {
                  throw new AssertionError("the kernel was asked for it", e);
                }
              });
    }
  }

  private static void talk(SourceChannel channel, GuestMemory memory, Random random)
      throws IOException {
    if (random.nextBoolean()) {
      channel.start(Extensions.known());
      channel.identify(MigrationKey.random());
      channel.config(ByteBuffer.allocateDirect(16));
      channel.state(ByteBuffer.allocateDirect(16));
      channel.complete(random.nextBoolean());
      channel.settle();
    } else {
      channel.agreedBefore(Extensions.known());
      channel.resume(MigrationKey.random());
      channel.owner();
      channel.missing(memory);
    }
  }

  /** To both conversations, whichever it is. */
  private static byte[] answers(Random random) {
    ByteBuffer all = ByteBuffer.allocate(16 * 16);
    if (random.nextBoolean()) {
      Response.ok(Extensions.known()).encode(all);
      for (int i = 0; i < 5; i++) {
        Response.ok().encode(all);
      }
    } else {
      Response.ok().encode(all);
      Response.payload(8).encode(all);
      GuestOwner.DESTINATION.encode(all);
      Response.payload(32).encode(all);
      new MemoryRange(4096, 8192).encode(all);
      new MemoryRange(1 << 20, 4096).encode(all);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.write(all.array(), 0, all.position());
    return bytes.toByteArray();
  }
}
