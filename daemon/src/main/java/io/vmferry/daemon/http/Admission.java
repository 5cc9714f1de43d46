package io.vmferry.daemon.http;

import io.vmferry.daemon.access.BearerToken;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.pekko.http.javadsl.model.AttributeKeys;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.RemoteAddress;
import org.apache.pekko.http.javadsl.model.headers.HttpChallenge;
import org.apache.pekko.http.javadsl.model.headers.RawHeader;
import org.apache.pekko.http.javadsl.model.headers.WWWAuthenticate;
import org.apache.pekko.http.javadsl.server.AllDirectives;
import org.apache.pekko.http.javadsl.server.Route;

/** Lets in the requests of those who may ask the node; the others get a problem. */
final class Admission extends AllDirectives {
  private static final String REALM = "vmferry";
  private static final Set<String> LOOPBACK_HOSTS =
      Set.of("127.0.0.1", "localhost", "::1", "[::1]");

  private final HttpPolicy policy;
  private final RateLimit rate;

  Admission(HttpPolicy policy) {
    this.policy = policy;
    this.rate =
        new RateLimit(
            policy.limits().requestsPerSecond(), policy.limits().burst(), System::nanoTime);
  }

  Route admit(Supplier<Route> inner) {
    // The rate first: it is what keeps a stranger from trying one token after another.
    return notTooOften(() -> withToken(() -> fromNoPage(inner)));
  }

  private Route notTooOften(Supplier<Route> inner) {
    return extractRequest(
        request -> {
          // Of the connection: what a header says of it is the caller's own word.
          InetAddress caller =
              request
                  .getAttribute(AttributeKeys.remoteAddress)
                  .flatMap(RemoteAddress::getAddress)
                  .orElseThrow(() -> new IllegalStateException("a connection has an address"));
          Duration wait = rate.take(caller);
          return wait.isZero() ? inner.get() : complete(tooOften(wait));
        });
  }

  /** Source: RFC 6585, 4. */
  private HttpResponse tooOften(Duration wait) {
    int most = policy.limits().requestsPerSecond();
    long seconds = Math.max(1, wait.plusMillis(999).toSeconds());
    return Answers.problem(
            429,
            "TOO_MANY_REQUESTS",
            "This node takes "
                + most
                + (most == 1 ? " request" : " requests")
                + " a second from one address",
            "Ask again in " + seconds + " s")
        .addHeader(RawHeader.create("Retry-After", Long.toString(seconds)));
  }

  private Route withToken(Supplier<Route> inner) {
    Supplier<BearerToken> token = policy.token();
    return token == null
        ? inner.get()
        : optionalHeaderValueByName(
            "Authorization",
            shown ->
                shown.isPresent() && token.get().isShownBy(shown.get())
                    ? inner.get()
                    : complete(unauthorized(shown)));
  }

  /** Source: RFC 6750, 3. */
  private static HttpResponse unauthorized(Optional<String> shown) {
    HttpChallenge challenge =
        HttpChallenge.create(
            "Bearer", REALM, shown.isEmpty() ? Map.of() : Map.of("error", "invalid_token"));
    HttpResponse answer =
        shown.isEmpty()
            ? Answers.problem(
                401,
                "TOKEN_MISSING",
                "This node wants a token, and the request has none",
                "Name the node's token file with --token-file or VMFERRY_TOKEN_FILE")
            : Answers.problem(
                401,
                "TOKEN_WRONG",
                "The token of the request is not this node's",
                "Name the node's token file with --token-file or VMFERRY_TOKEN_FILE");
    return answer.addHeader(WWWAuthenticate.create(challenge));
  }

  /**
   * A port that does not ask who calls can be reached by any web page in a browser on this host: a
   * page says where it is from in Origin, and one that made its own name resolve to loopback says
   * that name in Host. Whoever had to prove who it is may call the node by any name; a page still
   * may not, which would do so with the certificate of its reader.
   */
  private Route fromNoPage(Supplier<Route> inner) {
    return optionalHeaderValueByName(
        "Origin",
        origin ->
            extractHost(
                host ->
                    origin.isEmpty() && (policy.provesCallers() || LOOPBACK_HOSTS.contains(host))
                        ? inner.get()
                        : complete(
                            Answers.problem(
                                403,
                                "FOREIGN_ORIGIN",
                                "This node takes no requests from web pages or under other names",
                                "Ask http://127.0.0.1:<port>, without an Origin header"))));
  }
}
