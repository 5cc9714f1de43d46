package io.vmferry.daemon.store;

import static org.apache.pekko.http.javadsl.server.PathMatchers.segment;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.vmferry.daemon.api.Json;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.WorkingSet;
import io.vmferry.streams.snapshot.WorkingSetFile;
import io.vmferry.streams.snapshot.remote.StoreProtocol;
import io.vmferry.streams.snapshot.store.ChunkFiles;
import io.vmferry.streams.snapshot.store.ChunkHeader;
import io.vmferry.streams.snapshot.store.ChunkName;
import io.vmferry.streams.snapshot.store.ChunkStore;
import io.vmferry.streams.snapshot.store.ChunkTable;
import io.vmferry.streams.snapshot.store.ManifestFormat;
import io.vmferry.streams.snapshot.store.PackTable;
import io.vmferry.streams.snapshot.store.SnapshotNames;
import io.vmferry.streams.snapshot.store.StoreUpload;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.pekko.http.javadsl.model.ContentTypes;
import org.apache.pekko.http.javadsl.model.HttpEntities;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.StatusCodes;
import org.apache.pekko.http.javadsl.server.AllDirectives;
import org.apache.pekko.http.javadsl.server.Route;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The routes of a served store. It has no key: it sees that a chunk is whole and that a snapshot
 * has all its chunks, and clients see whether they are genuine.
 *
 * <p>Source: docs/snapshots.md#remote.
 */
final class StoreRoutes extends AllDirectives {
  private static final Logger LOG = LoggerFactory.getLogger(StoreRoutes.class);
  private static final int SMALL_BYTES = 4096;
  private static final Duration BODY_TIME = Duration.ofMinutes(1);

  private final ChunkStore store;
  private final StoreSessions sessions;
  private final Executor blocking;

  StoreRoutes(ChunkStore store, StoreSessions sessions, Executor blocking) {
    this.store = store;
    this.sessions = sessions;
    this.blocking = blocking;
  }

  /** What a request does; blocks. */
  private interface Work {
    HttpResponse run() throws IOException;
  }

  Route all() {
    return pathPrefix(
        StoreProtocol.ROOT,
        () ->
            pathPrefix(
                StoreProtocol.VERSION,
                () -> concat(reading(), snapshots(), workingSets(), holds(), uploads())));
  }

  private Route reading() {
    return concat(
        pathEndOrSingleSlash(
            () -> get(() -> run(() -> json(new StoreProtocol.Description(store.chunkBytes()))))),
        path(segment("chunks").slash(segment()), name -> get(() -> run(() -> chunk(store, name)))),
        path(
            "gc",
            () ->
                post(
                    () ->
                        parameter(
                            "dry_run",
                            dry -> run(() -> json(store.collect(!dry.equals("false"))))))));
  }

  private Route snapshots() {
    return pathPrefix(
        "snapshots",
        () ->
            concat(
                pathEndOrSingleSlash(
                    () -> get(() -> run(() -> json(new StoreProtocol.Names(store.names()))))),
                path(
                    segment(),
                    name ->
                        concat(
                            get(() -> run(() -> bytes(store.manifest(checked(name))))),
                            delete(() -> run(() -> remove(name)))))));
  }

  private Route workingSets() {
    return pathPrefix(
        segment("working-sets").slash(segment()),
        id ->
            concat(
                pathEndOrSingleSlash(
                    () -> kept(WorkingSet.MOST_BYTES, () -> store.workingSet(uuid(id)))),
                path("pack", () -> kept(PackTable.MOST_BYTES, () -> store.pack(uuid(id)).table())),
                path(
                    segment("pack").slash(segment()),
                    name ->
                        concat(
                            get(() -> run(() -> chunk(store.pack(uuid(id)), name))),
                            put(
                                () ->
                                    withBody(
                                        ChunkHeader.mostBytes(store.chunkBytes()),
                                        body -> packed(uuid(id), name, body)))))));
  }

  /** A file of a working set. */
  private interface KeptFile {
    WorkingSetFile find() throws IOException;
  }

  private Route kept(int most, KeptFile file) {
    return concat(
        get(
            () ->
                run(
                    () -> {
                      byte[] kept = file.find().read();
                      return bytes(kept == null ? new byte[0] : kept);
                    })),
        put(
            () ->
                withBody(
                    most,
                    body -> {
                      file.find().replace(body);
                      return done();
                    })));
  }

  private HttpResponse packed(UUID generation, String name, byte[] body) throws IOException {
    store.pack(generation).write(chunkName(name), wholeChunk(name, body));
    return done();
  }

  private Route holds() {
    return path(
        segment("holds").slash(segment()),
        id -> session(id, about -> sessions.hold(uuid(id), about.name())));
  }

  private Route uploads() {
    return pathPrefix(
        segment("uploads").slash(segment()),
        id ->
            concat(
                pathEndOrSingleSlash(
                    () -> session(id, about -> sessions.upload(uuid(id), about.name()))),
                path(
                    "lacking",
                    () ->
                        post(
                            () ->
                                withBody(
                                    StoreProtocol.NAMES_BYTES, body -> lacking(uuid(id), body)))),
                path(
                    segment("chunks").slash(segment()),
                    name ->
                        put(
                            () ->
                                withBody(
                                    ChunkHeader.mostBytes(store.chunkBytes()),
                                    body -> keep(uuid(id), name, body)))),
                path(
                    "commit",
                    () ->
                        post(
                            () ->
                                withBody(
                                    ManifestFormat.MOST_BYTES, body -> commit(uuid(id), body))))));
  }

  /** What begins a session. */
  private interface Beginning {
    void begin(StoreProtocol.Session about) throws IOException;
  }

  private Route session(String id, Beginning beginning) {
    return concat(
        put(
            () ->
                withBody(
                    SMALL_BYTES,
                    body -> {
                      StoreProtocol.Session about =
                          Json.STRICT.readValue(body, StoreProtocol.Session.class);
                      if (about == null) {
                        throw new SnapshotException("That is no session.");
                      }
                      checked(about.name());
                      beginning.begin(about);
                      return done();
                    })),
        post(
            () ->
                run(
                    () -> {
                      sessions.renew(uuid(id));
                      return done();
                    })),
        delete(
            () ->
                run(
                    () -> {
                      sessions.end(uuid(id));
                      return done();
                    })));
  }

  private static String checked(@Nullable String name) throws IOException {
    if (name == null || !SnapshotNames.isOne(name)) {
      throw new SnapshotException("That is no name for a snapshot.");
    }
    return name;
  }

  private static UUID uuid(String text) throws SnapshotException {
    try {
      return UUID.fromString(text);
    } catch (IllegalArgumentException e) {
      throw new SnapshotException("That is no session.", e);
    }
  }

  private static ChunkName chunkName(String text) throws SnapshotException {
    if (!ChunkName.isOne(text)) {
      throw new SnapshotException("That is no chunk's name.");
    }
    return ChunkName.parse(text);
  }

  private HttpResponse chunk(ChunkFiles files, String name) throws IOException {
    ByteBuffer file = ByteBuffer.allocateDirect(ChunkHeader.mostBytes(store.chunkBytes()));
    files.read(chunkName(name), file);
    byte[] bytes = new byte[file.flip().remaining()];
    file.get(bytes);
    return bytes(bytes);
  }

  private HttpResponse remove(String name) throws IOException {
    store.remove(checked(name));
    return done();
  }

  private HttpResponse lacking(UUID id, byte[] body) throws IOException {
    if (body.length % ChunkName.BYTES != 0) {
      throw new SnapshotException("That are no whole names of chunks.");
    }
    List<ChunkName> names = new ArrayList<>();
    for (ByteBuffer in = ByteBuffer.wrap(body); in.hasRemaining(); ) {
      names.add(ChunkName.get(in));
    }
    Set<ChunkName> lacking = sessions.uploadOf(id).lacking(names);
    ByteBuffer answer = ByteBuffer.allocate(lacking.size() * ChunkName.BYTES);
    lacking.forEach(name -> name.put(answer));
    return bytes(answer.array());
  }

  private HttpResponse keep(UUID id, String name, byte[] body) throws IOException {
    ByteBuffer file = wholeChunk(name, body);
    return json(new StoreProtocol.Kept(sessions.uploadOf(id).put(chunkName(name), file)));
  }

  private ByteBuffer wholeChunk(String name, byte[] body) throws SnapshotException {
    ByteBuffer file = ByteBuffer.allocateDirect(body.length).put(body).flip();
    if (ChunkHeader.read(file, store.chunkBytes()) == null) {
      throw new SnapshotException("What came as chunk " + name + " is none, or damaged.");
    }
    return file.position(0);
  }

  private HttpResponse commit(UUID id, byte[] manifest) throws IOException {
    requireComplete(sessions.uploadOf(id), sessions.nameOf(id), manifest);
    sessions.commit(id, manifest);
    return done();
  }

  /** A client that forgot a chunk must not believe that it has a snapshot. */
  private static void requireComplete(StoreUpload upload, String name, byte[] manifest)
      throws IOException {
    for (ChunkTable table : ManifestFormat.decode(name, manifest).tables()) {
      List<ChunkName> names = new ArrayList<>();
      for (int i = 0; i < table.chunks(); i++) {
        if (!table.name(i).isZeros()) {
          names.add(table.name(i));
        }
      }
      Set<ChunkName> lacking = upload.lacking(names);
      if (!lacking.isEmpty()) {
        throw new SnapshotException(
            "The store lacks " + lacking.size() + " chunks of snapshot " + name + ".");
      }
    }
  }

  private Route withBody(int most, BodyWork work) {
    return extractRequestEntity(
        announced ->
            announced.getContentLengthOption().orElse(0) > most
                ? complete(refusal(413, "A request has at most " + most + " bytes here."))
                : withSizeLimit(
                    most,
                    () ->
                        extractStrictEntity(
                            BODY_TIME,
                            most,
                            body -> run(() -> work.run(body.getData().toArray())))));
  }

  /** What a request with a body does; blocks. */
  private interface BodyWork {
    HttpResponse run(byte[] body) throws IOException;
  }

  private Route run(Work work) {
    return completeWithFuture(CompletableFuture.supplyAsync(() -> answer(work), blocking));
  }

  private static HttpResponse answer(Work work) {
    try {
      return work.run();
    } catch (SnapshotException e) {
      return refusal(409, String.valueOf(e.getMessage()));
    } catch (JsonProcessingException e) {
      return refusal(400, "That is not the JSON that is expected here.");
    } catch (IOException | RuntimeException e) {
      LOG.error("A request could not be answered", e);
      return refusal(500, "The store could not do it; its log says why.");
    }
  }

  private static HttpResponse refusal(int status, String message) {
    return json(new StoreProtocol.Refusal(message)).withStatus(status);
  }

  private static HttpResponse done() {
    return HttpResponse.create().withStatus(StatusCodes.NO_CONTENT);
  }

  private static HttpResponse bytes(byte[] body) {
    return HttpResponse.create()
        .withEntity(HttpEntities.create(ContentTypes.APPLICATION_OCTET_STREAM, body));
  }

  private static HttpResponse json(Object body) {
    try {
      return HttpResponse.create()
          .withEntity(
              HttpEntities.create(
                  ContentTypes.APPLICATION_JSON, Json.STRICT.writeValueAsString(body)));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("an answer of the store's own types must be writable", e);
    }
  }
}
