package org.halfstep.checkpoint;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedSet;
import java.util.Set;
import java.util.function.Predicate;
import org.halfstep.files.DataException;
import org.halfstep.model.TensorNames;
import org.halfstep.model.TensorPlace;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;

/**
 * One network's tensors under the names of diffusers and in its shapes, whatever file they lie in.
 * Nothing is copied: a tensor is a view of the file, or of rows of one of its tensors.
 */
final class NetworkTensors implements Tensors {
  private final Tensors file;
  private final boolean takesBytes;
  private final Map<String, TensorView> tensors = new LinkedHashMap<>();

  /** What of the file is part of this network. */
  private final Set<String> taken = new HashSet<>();

  private NetworkTensors(Tensors file, boolean takesBytes) {
    this.file = file;
    this.takesBytes = takesBytes;
  }

  /**
   * Finds a network's parameters.
   *
   * @param file stays the caller's
   * @throws IOException in one line, when one is missing, or of another shape or type
   */
  static NetworkTensors find(Tensors file, NetworkDescription network, TensorNames names)
      throws IOException {
    return find(file, network, names, false);
  }

  /**
   * Finds an int8 network's parameters, and beside them the scales of its layers, which are looked
   * at when it is opened.
   *
   * @param file stays the caller's
   * @throws IOException in one line, when one is missing, or of another shape or type
   */
  static NetworkTensors findQuantized(Tensors file, NetworkDescription network, TensorNames names)
      throws IOException {
    NetworkTensors found = find(file, network, names, true);
    for (String name : file.names()) {
      if (OwnFile.isScale(name)) {
        found.tensors.put(name, file.find(name).orElseThrow());
        found.taken.add(name);
      }
    }
    return found;
  }

  private static NetworkTensors find(
      Tensors file, NetworkDescription network, TensorNames names, boolean takesBytes)
      throws IOException {
    NetworkTensors found = new NetworkTensors(file, takesBytes);
    for (Map.Entry<String, long[]> parameter : network.shapes().entrySet()) {
      found.find(network, names, parameter.getKey(), parameter.getValue());
    }
    return found;
  }

  private void find(NetworkDescription network, TensorNames names, String name, long[] shape)
      throws IOException {
    List<TensorPlace> places = names.places(name);
    for (TensorPlace place : places) {
      TensorPlace.Stored stored = (TensorPlace.Stored) place;
      TensorView tensor = file.find(stored.tensor()).orElse(null);
      if (tensor != null) {
        taken.add(stored.tensor());
        tensors.put(name, view(network, name, shape, stored, tensor));
        return;
      }
    }
    String expected = places.isEmpty() ? name : ((TensorPlace.Stored) places.getFirst()).tensor();
    throw new DataException(
        file.origin(),
        "tensor "
            + expected
            + " is missing, which "
            + network.part().noun()
            + " of this configuration has; expected "
            + names.layout()
            + " names");
  }

  private TensorView view(
      NetworkDescription network,
      String name,
      long[] shape,
      TensorPlace.Stored place,
      TensorView it)
      throws DataException {
    long[] expected = shape.clone();
    expected[0] *= place.parts();
    if (!Arrays.equals(significant(it.shape()), significant(expected))) {
      throw new DataException(
          file.origin(),
          "tensor "
              + place.tensor()
              + " has shape "
              + Arrays.toString(it.shape())
              + "; "
              + network.part().noun()
              + " of this configuration has "
              + Arrays.toString(expected));
    }
    if (!it.dtype().isFloating() && !(takesBytes && it.dtype() == Dtype.I8)) {
      throw new DataException(
          file.origin(),
          "tensor " + place.tensor() + " is " + it.dtype() + "; expected F32, F16 or BF16");
    }
    long bytes = it.data().byteSize() / place.parts();
    return new TensorView(name, it.dtype(), shape, it.data().asSlice(place.part() * bytes, bytes));
  }

  /** Extents of 1 at the end mean nothing: a linear layer is a 1x1 convolution. */
  static long[] significant(long[] shape) {
    int length = shape.length;
    while (length > 1 && shape[length - 1] == 1) {
      length--;
    }
    return Arrays.copyOf(shape, length);
  }

  /** Names of the file that belong to this network. */
  Set<String> taken() {
    return Collections.unmodifiableSet(taken);
  }

  /**
   * Refuses what else the file has.
   *
   * @param all names of the file, or those of one network in it
   * @param ignored names that mean nothing
   */
  static void requireNoOthers(
      String origin, Set<String> all, Set<String> taken, Predicate<String> ignored)
      throws DataException {
    List<String> others = new ArrayList<>();
    for (String name : all) {
      if (!taken.contains(name) && !ignored.test(name)) {
        others.add(name);
      }
    }
    if (!others.isEmpty()) {
      Collections.sort(others);
      throw new DataException(
          origin,
          "has tensors that belong to none of the networks it describes: "
              + ConfigKeys.first(others)
              + "; the configuration is another network's, or this kind of network is not known");
    }
  }

  @Override
  public String origin() {
    return file.origin();
  }

  @Override
  public SequencedSet<String> names() {
    return new LinkedHashSet<>(tensors.keySet());
  }

  @Override
  public Optional<TensorView> find(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  @Override
  public void unload() {
    file.unload();
  }

  /** Nothing: the file may hold other networks, and is its {@link Checkpoint}'s. */
  @Override
  public void close() {}
}
