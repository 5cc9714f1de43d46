package io.vmferry.daemon.http;

import static org.apache.pekko.http.javadsl.server.PathMatchers.segment;

import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.MigrateRequest;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.SendMigrationRequest;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.pekko.http.javadsl.model.ContentTypes;
import org.apache.pekko.http.javadsl.model.HttpEntities;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.server.AllDirectives;
import org.apache.pekko.http.javadsl.server.ExceptionHandler;
import org.apache.pekko.http.javadsl.server.MethodRejection;
import org.apache.pekko.http.javadsl.server.RejectionHandler;
import org.apache.pekko.http.javadsl.server.Route;

/**
 * The routes of a node. Every answer that is not a success has a {@link
 * io.vmferry.daemon.api.Problem} as its body.
 */
final class Routes extends AllDirectives {
  private final NodeApi node;
  private final Admission admission;
  private final Duration bodyTime;

  private Routes(NodeApi node, HttpPolicy policy) {
    this.node = node;
    this.admission = new Admission(policy);
    this.bodyTime = policy.limits().requestTime();
  }

  /** The routes over {@code node}, for those whom the policy lets in. */
  static Route of(NodeApi node, HttpPolicy policy) {
    return new Routes(node, policy).all();
  }

  private Route all() {
    ExceptionHandler exceptions =
        ExceptionHandler.newBuilder()
            .match(RuntimeException.class, e -> complete(Answers.failure(e)))
            .build();
    return handleRejections(
        rejections(),
        () ->
            handleExceptions(
                exceptions,
                () ->
                    admission.admit(
                        () ->
                            concat(
                                health(),
                                pathPrefix("v1", () -> concat(vms(), migrations(), cluster()))))));
  }

  private Route health() {
    return concat(
        path("healthz", () -> get(() -> complete(text(200, "ok\n")))),
        path(
            "readyz",
            () ->
                get(
                    () ->
                        complete(
                            node.isReady() ? text(200, "ready\n") : text(503, "starting\n")))));
  }

  private Route vms() {
    return pathPrefix(
        "vms",
        () ->
            concat(
                pathEndOrSingleSlash(
                    () ->
                        concat(
                            get(() -> answer(node::listVms)),
                            post(() -> with(CreateVmRequest.class, 201, node::createVm)))),
                pathPrefix(segment(), this::vm)));
  }

  private Route vm(String name) {
    return concat(
        pathEnd(
            () ->
                concat(
                    get(() -> answer(() -> node.vm(name))),
                    delete(() -> stage(node.deleteVm(name).thenApply(d -> Answers.noContent()))))),
        path("console", () -> get(() -> answer(() -> node.console(name)))),
        path(
            "send-migration",
            () ->
                post(
                    () ->
                        with(
                            SendMigrationRequest.class,
                            202,
                            request -> node.sendMigration(name, request)))),
        change(name, VmChange.BOOT),
        change(name, VmChange.PAUSE),
        change(name, VmChange.RESUME),
        change(name, VmChange.TAKE_OVER),
        change(name, VmChange.RECOVER));
  }

  private Route change(String name, VmChange change) {
    return path(
        change.name().toLowerCase(Locale.ROOT).replace('_', '-'),
        () -> post(() -> answer(() -> node.changeVm(name, change))));
  }

  private Route migrations() {
    return concat(
        path(
            "receive-migrations",
            () -> post(() -> with(ReceiveMigrationRequest.class, 202, node::receiveMigration))),
        pathPrefix(
            "migrations",
            () ->
                concat(
                    pathEndOrSingleSlash(
                        () -> post(() -> with(MigrateRequest.class, 202, node::migrate))),
                    pathPrefix(segment(), this::migration))));
  }

  private Route migration(String id) {
    return concat(
        pathEnd(
            () ->
                concat(
                    get(() -> answer(() -> node.migration(id))),
                    delete(() -> answer(() -> node.cancelMigration(id))))),
        path("postcopy", () -> post(() -> answer(() -> node.switchToPostcopy(id)))),
        path(
            "events",
            () -> get(() -> stage(node.followMigration(id).thenApply(MigrationEvents::stream)))));
  }

  private Route cluster() {
    return path("cluster", () -> get(() -> answer(node::cluster)));
  }

  private <T> Route with(Class<T> type, int status, Function<T, CompletionStage<?>> handle) {
    return extractRequestEntity(
        body ->
            extractMaterializer(
                materializer ->
                    stage(
                        Bodies.read(body, bodyTime, materializer)
                            .thenCompose(text -> handle.apply(Answers.read(text, type)))
                            .thenApply(result -> Answers.json(status, result)))));
  }

  private Route answer(Supplier<CompletionStage<?>> question) {
    return stage(question.get().thenApply(result -> Answers.json(200, result)));
  }

  private Route stage(CompletionStage<HttpResponse> response) {
    return completeWithFuture(response.exceptionally(Answers::failure));
  }

  private RejectionHandler rejections() {
    return RejectionHandler.newBuilder()
        .handleAll(
            MethodRejection.class,
            methods ->
                complete(
                    Answers.problem(
                        405,
                        "METHOD_NOT_ALLOWED",
                        "This route does not take that method",
                        "Use "
                            + String.join(
                                " or ",
                                methods.stream().map(m -> m.supported().value()).toList()))))
        .handleNotFound(
            complete(
                Answers.problem(
                    404, "NO_SUCH_ROUTE", "There is no such route", "The routes are under /v1")))
        .build();
  }

  private static HttpResponse text(int status, String text) {
    return HttpResponse.create()
        .withStatus(status)
        .withEntity(HttpEntities.create(ContentTypes.TEXT_PLAIN_UTF8, text));
  }
}
