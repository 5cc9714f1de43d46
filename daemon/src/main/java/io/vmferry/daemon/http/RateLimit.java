package io.vmferry.daemon.http;

import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * How often each address may ask: a bucket of permits that fills at a steady rate, one permit a
 * request. IPv6 addresses of one network of 64 bits share a bucket, for one host has them all.
 *
 * <p>Thread-safe.
 */
final class RateLimit {
  // Some hundred KiB. Whose bucket is dropped for another's begins with a full one.
  static final int MOST_ADDRESSES = 4096;

  private static final double NANOS_PER_SECOND = TimeUnit.SECONDS.toNanos(1);

  private static final class Bucket {
    private double permits;
    private long filledAt;

    Bucket(double permits, long filledAt) {
      this.permits = permits;
      this.filledAt = filledAt;
    }
  }

  private final double perSecond;
  private final int burst;
  private final LongSupplier nanoTime;
  private final Map<Long, Bucket> buckets = new LinkedHashMap<>(16, 0.75f, true);

  /**
   * @param perSecond permits that a bucket gains in a second
   * @param burst the most it holds
   */
  RateLimit(int perSecond, int burst, LongSupplier nanoTime) {
    this.perSecond = perSecond;
    this.burst = burst;
    this.nanoTime = nanoTime;
  }

  /**
   * Takes a permit.
   *
   * @return zero if there was one, else how long until there is
   */
  synchronized Duration take(InetAddress caller) {
    long now = nanoTime.getAsLong();
    Bucket bucket = buckets.computeIfAbsent(network(caller), unknown -> new Bucket(burst, now));
    forgetEldest();
    double gained = (now - bucket.filledAt) / NANOS_PER_SECOND * perSecond;
    bucket.permits = Math.min(burst, bucket.permits + gained);
    bucket.filledAt = now;
    if (bucket.permits < 1) {
      return Duration.ofNanos((long) ((1 - bucket.permits) / perSecond * NANOS_PER_SECOND));
    }
    bucket.permits--;
    return Duration.ZERO;
  }

  private void forgetEldest() {
    if (buckets.size() > MOST_ADDRESSES) {
      Iterator<Long> eldest = buckets.keySet().iterator();
      eldest.next();
      eldest.remove();
    }
  }

  private static long network(InetAddress caller) {
    ByteBuffer bytes = ByteBuffer.wrap(caller.getAddress());
    return bytes.remaining() == Integer.BYTES ? bytes.getInt() : bytes.getLong();
  }
}
