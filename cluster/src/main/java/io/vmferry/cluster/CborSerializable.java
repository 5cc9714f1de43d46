package io.vmferry.cluster;

/**
 * Marks a message that crosses hosts; it is written as CBOR by Jackson. The binding is in this
 * module's reference.conf. A field of a sealed type needs {@code @JsonTypeInfo(use = NAME)}.
 */
public interface CborSerializable {}
