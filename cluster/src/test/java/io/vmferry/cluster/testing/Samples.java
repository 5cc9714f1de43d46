package io.vmferry.cluster.testing;

import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.SendOptions;
import java.lang.reflect.Constructor;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.pekko.actor.typed.ActorRef;

/** Makes a value of each of a protocol's messages, whatever their fields are. */
public final class Samples {
  private final ActorRef<?> ref;
  private final Map<Class<?>, Object> special;

  /**
   * @param ref stands for every actor
   * @param special values for types that cannot be made from their components
   */
  public Samples(ActorRef<?> ref, Map<Class<?>, Object> special) {
    this.ref = ref;
    this.special = special;
  }

  /** All records of a sealed protocol, those in sealed subtypes too. */
  public List<Object> allOf(Class<?> protocol) {
    List<Object> all = new ArrayList<>();
    for (Class<?> type : protocol.getPermittedSubclasses()) {
      if (type.isSealed()) {
        all.addAll(allOf(type));
      } else {
        all.add(of(type, type));
      }
    }
    return all;
  }

  /** A value of one type. */
  public Object sample(Class<?> type) {
    return of(type, type);
  }

  private Object of(Class<?> type, Type generic) {
    if (special.containsKey(type)) {
      return special.get(type);
    }
    Map<Class<?>, Object> plain =
        Map.of(
            String.class,
            "text",
            int.class,
            7,
            long.class,
            7_000_000_000L,
            Long.class,
            8_000_000_000L,
            double.class,
            1.25,
            boolean.class,
            true,
            Duration.class,
            Duration.ofMillis(1500),
            Instant.class,
            Instant.parse("2026-08-01T10:11:12.123456Z"),
            SendOptions.class,
            SendOptions.to("tcp:10.0.0.1:4711", MemoryMode.POSTCOPY).build());
    if (plain.containsKey(type)) {
      return plain.get(type);
    }
    if (type == Throwable.class) {
      return new IllegalStateException("sample");
    }
    if (type == ActorRef.class) {
      return ref;
    }
    if (type == List.class) {
      Class<?> element = (Class<?>) ((ParameterizedType) generic).getActualTypeArguments()[0];
      return List.of(of(element, element));
    }
    if (type.isEnum()) {
      Object[] constants = type.getEnumConstants();
      return constants[constants.length - 1];
    }
    if (type.isSealed()) {
      Class<?> first = type.getPermittedSubclasses()[0];
      return of(first, first);
    }
    if (type.isRecord()) {
      return record(type);
    }
    throw new IllegalArgumentException("no sample of " + generic);
  }

  private Object record(Class<?> type) {
    RecordComponent[] components = type.getRecordComponents();
    Object[] values =
        Arrays.stream(components).map(c -> of(c.getType(), c.getGenericType())).toArray();
    Class<?>[] types =
        Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
    try {
      Constructor<?> constructor = type.getDeclaredConstructor(types);
      constructor.setAccessible(true);
      return constructor.newInstance(values);
    } catch (ReflectiveOperationException e) {
      throw new IllegalArgumentException("no sample of " + type, e);
    }
  }
}
