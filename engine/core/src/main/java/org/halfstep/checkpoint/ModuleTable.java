package org.halfstep.checkpoint;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.halfstep.model.TensorNames;
import org.halfstep.model.TensorPlace;

/**
 * Names of modules in two kinds of files, as pairs; what lies in a module has the same name in
 * both. A module is matched by whole components of a name, the longest first.
 */
final class ModuleTable {
  private final Map<String, String> theirs = new HashMap<>();
  private final Map<String, String> ours = new HashMap<>();

  /** Adds a pair. */
  ModuleTable pair(String our, String their) {
    if (theirs.put(our, their) != null || ours.put(their, our) != null) {
      throw new IllegalStateException(our + " and " + their + " do not form a new pair");
    }
    return this;
  }

  /** The other files' name of a parameter of ours, if they have that module. */
  Optional<String> theirs(String name) {
    return translated(theirs, name);
  }

  /** Our name of a parameter of the other files, if we have that module. */
  Optional<String> ours(String name) {
    return translated(ours, name);
  }

  private static Optional<String> translated(Map<String, String> pairs, String name) {
    for (int end = name.lastIndexOf('.'); end > 0; end = name.lastIndexOf('.', end - 1)) {
      String module = pairs.get(name.substring(0, end));
      if (module != null) {
        return Optional.of(module + name.substring(end));
      }
    }
    return Optional.empty();
  }

  /** The table as names of tensors: each parameter whole, in its own form. */
  TensorNames names(String layout) {
    return names(layout, place -> place);
  }

  /** The same with other forms for some. */
  TensorNames names(String layout, UnaryOperator<TensorPlace.Stored> form) {
    return new TensorNames() {
      @Override
      public String layout() {
        return layout;
      }

      @Override
      public List<TensorPlace> places(String parameter) {
        return theirs(parameter)
            .map(name -> List.<TensorPlace>of(form.apply(TensorPlace.Stored.whole(name))))
            .orElse(List.of());
      }
    };
  }
}
