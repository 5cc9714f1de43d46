package io.vmferry.streams.testing;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;

/** Makes bad input of good: the same from the same seed. */
public final class Mutator {
  private static final long[] NUMBERS = {
    0,
    1,
    2,
    3,
    7,
    8,
    15,
    16,
    255,
    256,
    4095,
    4096,
    65_535,
    1 << 20,
    Integer.MAX_VALUE,
    1L << 31,
    0xffff_ffffL,
    1L << 32,
    1L << 40,
    1L << 60,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1,
    -16,
    -4096
  };
  private static final int MOST_CHANGES = 4;

  private final Random random;

  /** A mutator that draws from {@code random}. */
  public Mutator(Random random) {
    this.random = random;
  }

  /** A number at which length checks break, or near one. */
  public long number() {
    return NUMBERS[random.nextInt(NUMBERS.length)] + random.nextInt(3) - 1;
  }

  /** Bytes that were never good. */
  public byte[] noise(int mostBytes) {
    byte[] bytes = new byte[random.nextInt(mostBytes + 1)];
    random.nextBytes(bytes);
    return bytes;
  }

  /** A copy with a few changes; now and then without any. */
  public byte[] mutate(byte[] good) {
    byte[] bad = good.clone();
    for (int changes = random.nextInt(MOST_CHANGES + 1); changes > 0; changes--) {
      bad = change(bad);
    }
    return bad;
  }

  /** A head of one and a tail of another. */
  public byte[] splice(byte[] one, byte[] other) {
    int head = random.nextInt(one.length + 1);
    int from = random.nextInt(other.length + 1);
    byte[] spliced = Arrays.copyOf(one, head + other.length - from);
    System.arraycopy(other, from, spliced, head, other.length - from);
    return spliced;
  }

  private byte[] change(byte[] bytes) {
    if (bytes.length == 0) {
      return noise(16);
    }
    int at = random.nextInt(bytes.length);
    int count = random.nextInt(Math.min(64, bytes.length - at) + 1);
    switch (random.nextInt(8)) {
      case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
      case 1 -> bytes[at] = (byte) random.nextInt(256);
      case 2, 3 -> put(bytes, random.nextBoolean() ? at : at & ~7);
      case 4 -> {
        return Arrays.copyOf(bytes, at);
      }
      case 5 -> {
        return replace(bytes, at, count, new byte[0]);
      }
      case 6 -> {
        return replace(bytes, at, 0, Arrays.copyOfRange(bytes, at, at + count));
      }
      default -> {
        return replace(bytes, at, 0, noise(32));
      }
    }
    return bytes;
  }

  /** A number of 2, 4 or 8 bytes. */
  private void put(byte[] bytes, int at) {
    ByteBuffer into =
        ByteBuffer.wrap(bytes)
            .order(random.nextInt(4) == 0 ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
    long number = number();
    int room = bytes.length - at;
    int width = random.nextInt(3);
    if (width == 0 && room >= Long.BYTES) {
      into.putLong(at, number);
    } else if (width <= 1 && room >= Integer.BYTES) {
      into.putInt(at, (int) number);
    } else if (room >= Short.BYTES) {
      into.putShort(at, (short) number);
    } else {
      into.put(at, (byte) number);
    }
  }

  private static byte[] replace(byte[] bytes, int at, int count, byte[] by) {
    byte[] replaced = new byte[bytes.length - count + by.length];
    System.arraycopy(bytes, 0, replaced, 0, at);
    System.arraycopy(by, 0, replaced, at, by.length);
    System.arraycopy(bytes, at + count, replaced, at + by.length, bytes.length - at - count);
    return replaced;
  }
}
