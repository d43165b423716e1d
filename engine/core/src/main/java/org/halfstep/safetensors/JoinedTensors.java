package org.halfstep.safetensors;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Tensors of several places as those of one, such as the networks that are trained as one. Closing
 * them does nothing: they are their owners'.
 *
 * @param parts with different names
 */
public record JoinedTensors(List<Tensors> parts) implements Tensors {
  public JoinedTensors {
    parts = List.copyOf(parts);
    Set<String> known = new LinkedHashSet<>();
    for (Tensors part : parts) {
      for (String name : part.names()) {
        if (!known.add(name)) {
          throw new IllegalArgumentException("there are two tensors " + name);
        }
      }
    }
  }

  @Override
  public String origin() {
    return parts.stream().map(Tensors::origin).collect(Collectors.joining(" and "));
  }

  @Override
  public Set<String> names() {
    Set<String> names = new LinkedHashSet<>();
    parts.forEach(part -> names.addAll(part.names()));
    return names;
  }

  @Override
  public Optional<TensorView> find(String name) {
    return parts.stream().flatMap(part -> part.find(name).stream()).findFirst();
  }

  @Override
  public void unload() {
    parts.forEach(Tensors::unload);
  }

  @Override
  public void close() {}
}
