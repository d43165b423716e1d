package org.halfstep.latent;

import java.util.Optional;
import java.util.Set;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;

/** Tensors that their owner closes: several networks read one file. */
record BorrowedTensors(Tensors owner) implements Tensors {
  @Override
  public String origin() {
    return owner.origin();
  }

  @Override
  public Set<String> names() {
    return owner.names();
  }

  @Override
  public Optional<TensorView> find(String name) {
    return owner.find(name);
  }

  @Override
  public void unload() {
    owner.unload();
  }

  @Override
  public void close() {}
}
