package io.vmferry.daemon.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.GuestLocation;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ProgressView;
import io.vmferry.daemon.api.VmView;
import io.vmferry.daemon.testing.FakeNode;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class NodeClientTest {
  private static final String DONE = "{\"id\":\"m-1\",\"vm\":\"a\",\"state\":\"completed\"}";
  private static final String PROGRESS =
      "{\"phase\":\"precopy\",\"round\":2,\"bytes_total\":10,\"bytes_sent\":5,\"bytes_left\":5,"
          + "\"dirty_bytes_per_second\":1,\"bandwidth_bytes_per_second\":2,\"faults_served\":0}";

  private FakeNode node;
  private NodeClient client;

  @BeforeEach
  void start() throws IOException {
    node = new FakeNode();
    client = new NodeClient(node.url());
  }

  @AfterEach
  void stop() {
    node.close();
  }

  @Test
  void readsAVmAndSkipsFieldsOfNewerNodes() throws IOException {
    node.answer(
        "GET /v1/vms/web%201",
        200,
        """
        {"name":"web 1","state":"running","node":"n","hypervisor":"kvm","memory_bytes":4096,
         "cpus":2,"colour":"red","guest":{"running":true,"iterations":1,"pages_verified":2,
         "mismatches":3,"mood":"fine"}}
        """);

    VmView vm = client.vm("web 1");

    assertEquals(4096, vm.memoryBytes());
    assertEquals(3, vm.guest().mismatches());
  }

  @Test
  void sendsABodyInSnakeCase() throws Exception {
    node.answer(
        "POST /v1/vms",
        201,
        "{\"name\":\"a\",\"state\":\"created\",\"node\":\"n\",\"hypervisor\":\"kvm\","
            + "\"memory_bytes\":1,\"cpus\":1}");

    client.createVm(
        new CreateVmRequest(
            "a", 1, 4096, "4K", new GuestConfig("standard", 1L, 2L, null, null, null, null)));

    assertEquals(
        "{\"name\":\"a\",\"cpus\":1,\"memory_bytes\":4096,\"page_size\":\"4K\",\"guest\":{\"kind\":"
            + "\"standard\",\"working_set_bytes\":1,\"dirty_bytes_per_second\":2}}",
        node.requests().take().body());
  }

  @Test
  void aProblemCarriesWhereTheGuestIs() {
    node.answer(
        "POST /v1/vms/a/pause",
        409,
        "{\"code\":\"WRONG_STATE\",\"message\":\"VM a was handed over\","
            + "\"guestLocation\":\"DESTINATION\",\"hint\":\"Ask b\",\"migrationId\":\"m-7\"}");

    NodeException e = assertThrows(NodeException.class, () -> client.pause("a"));

    assertEquals(409, e.status());
    assertEquals(GuestLocation.DESTINATION, e.problem().guestLocation());
    assertEquals("m-7", e.problem().migrationId());
  }

  @Test
  void anAnswerOfAnotherServerIsNotTakenForANodes() {
    node.answer("GET /v1/vms", 502, "<html>Bad gateway</html>");

    NodeException e = assertThrows(NodeException.class, () -> client.listVms());

    assertEquals("NOT_A_NODE", e.problem().code());
  }

  @Test
  void deleteNeedsNoBodyInTheAnswer() throws IOException {
    node.answer("DELETE /v1/vms/a", 204, "");

    client.deleteVm("a");

    assertEquals(1, node.requests().size());
  }

  @Test
  void nobodyListeningIsUnreachable() throws IOException {
    URI nowhere;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      nowhere = URI.create("http://127.0.0.1:" + socket.getLocalPort());
    }
    NodeClient lost = new NodeClient(nowhere);

    NodeUnreachableException e = assertThrows(NodeUnreachableException.class, () -> lost.listVms());

    assertEquals(nowhere, e.node());
    assertFalse(lost.isReady());
  }

  @Test
  void followsEventsToTheResult() throws IOException {
    node.answer(
        "GET /v1/migrations/m-1/events",
        200,
        ":\n\nevent: progress\ndata: " + PROGRESS + "\n\nevent: result\ndata: " + DONE + "\n\n");
    List<ProgressView> seen = new ArrayList<>();

    MigrationView result = client.follow("m-1", seen::add);

    assertTrue(result.isFinal());
    assertEquals(List.of(2), seen.stream().map(ProgressView::round).toList());
  }

  @Test
  void asksForTheStateWhenTheEventsEndWithoutAResult() throws IOException {
    node.answer("GET /v1/migrations/m-1/events", 200, "event: progress\ndata: " + PROGRESS + "\n\n")
        .answer("GET /v1/migrations/m-1", 200, DONE);

    MigrationView result = client.follow("m-1", p -> {});

    assertEquals(MigrationView.COMPLETED, result.state());
  }

  @Test
  void followingAnUnknownMigrationIsAProblem() {
    NodeException e = assertThrows(NodeException.class, () -> client.follow("m-9", p -> {}));

    assertEquals(404, e.status());
  }
}
