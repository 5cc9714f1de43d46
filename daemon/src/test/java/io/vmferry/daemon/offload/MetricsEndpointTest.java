package io.vmferry.daemon.offload;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MetricsEndpointTest {
  private static MetricsEndpoint start(String host) throws IOException {
    return MetricsEndpoint.start(new MigrationUrl.Tcp(host, 0), MetricsEndpoint.registry());
  }

  @Test
  void whoeverAsksOnThisHostIsTold() throws Exception {
    try (MetricsEndpoint endpoint = start("localhost")) {
      HttpResponse<String> answer =
          HttpClient.newHttpClient()
              .send(
                  HttpRequest.newBuilder(URI.create(endpoint.url())).build(),
                  BodyHandlers.ofString());

      assertEquals(200, answer.statusCode());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"0.0.0.0", "192.0.2.1", "::"})
  void nobodyElseIs(String host) {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> start(host).close());

    assertTrue(refused.getMessage().contains("write 127.0.0.1:0"), refused::getMessage);
  }
}
