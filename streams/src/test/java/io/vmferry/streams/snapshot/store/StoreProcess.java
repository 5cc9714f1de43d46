package io.vmferry.streams.snapshot.store;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.streams.snapshot.Snapshots;
import io.vmferry.streams.transfer.Guests;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;

/**
 * Writes, removes and collects in a store until it is killed, and says on stdout what it is about
 * to do and what it has done.
 */
final class StoreProcess {
  private StoreProcess() {}

  public static void main(String[] args) throws IOException {
    LocalStore store = LocalStore.openOrCreate(Path.of(args[0]));
    Random random = new Random(Long.parseLong(args[1]));
    try (GuestMemory memory = Guests.threeRegions()) {
      for (int i = 0; ; i++) {
        String name = args[1] + "-" + i;
        Guests.fillSome(memory, random, 8);
        say("begin", name, "");
        try (ChunkedWriter writer =
            ChunkedWriter.begin(store, name, ChunkedWriter.Options.DEFAULT)) {
          Snapshots.write(writer, memory);
        }
        say("done", name, Long.toString(MemoryDigest.of(memory)));
        if (random.nextInt(3) == 0) {
          say("removing", name, "");
          store.remove(name);
          say("removed", name, "");
          store.collect(false);
        }
      }
    }
  }

  private static void say(String what, String name, String digest) {
    System.out.println(what + " " + name + " " + digest);
    System.out.flush();
  }
}
