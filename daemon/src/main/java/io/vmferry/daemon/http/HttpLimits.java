package io.vmferry.daemon.http;

import java.time.Duration;

/**
 * What one caller may take of a node's HTTP port. Sizes and the number of connections are in {@code
 * pekko.http.server}.
 *
 * @param requestsPerSecond of one address, for ever
 * @param burst of one address, at once
 * @param requestTime how long a caller may take to send a request: the time from the connection or
 *     from the last answer to the end of the headers, and from there to the end of the body
 */
public record HttpLimits(int requestsPerSecond, int burst, Duration requestTime) {}
