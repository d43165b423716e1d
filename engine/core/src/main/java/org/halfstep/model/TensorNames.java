package org.halfstep.model;

import java.util.List;
import java.util.function.Predicate;

/**
 * The names and forms under which one kind of file keeps the parameters of one architecture: the
 * project's own, or another program's ({@code CompVis}, {@code diffusers}, {@code OpenCLIP}). It is
 * a table over names and knows no file: reading goes from each parameter to its tensor, and so does
 * writing, by the first place.
 */
public interface TensorNames {
  /** Parameters under their own names, and nothing else. */
  TensorNames OWN = own("Halfstep", _ -> false);

  /**
   * Parameters under their own names, in files that may have more.
   *
   * @param layout what people call such files
   * @param ignored further tensors that are passed over
   */
  static TensorNames own(String layout, Predicate<String> ignored) {
    return new TensorNames() {
      @Override
      public String layout() {
        return layout;
      }

      @Override
      public List<TensorPlace> places(String parameter) {
        return List.of(TensorPlace.Stored.whole(parameter));
      }

      @Override
      public boolean ignores(String tensor) {
        return ignored.test(tensor);
      }
    };
  }

  /** What people call such files, for error texts. */
  String layout();

  /**
   * Where a parameter is.
   *
   * @param parameter its name in the graph
   * @return the usual place, then those of other writers and older files, in the order in which a
   *     reader tries them; empty if these files cannot hold that parameter
   */
  List<TensorPlace> places(String parameter);

  /**
   * Whether a tensor that no parameter asks for may be passed over: position ids, counters, other
   * networks of the same file. A file with any further tensor is refused.
   */
  default boolean ignores(String tensor) {
    return false;
  }

  /**
   * The same names with a prefix, as in files of several networks; tensors without it are passed
   * over.
   *
   * @param prefix with the point at its end
   */
  default TensorNames under(String prefix) {
    TensorNames bare = this;
    return new TensorNames() {
      @Override
      public String layout() {
        return bare.layout();
      }

      @Override
      public List<TensorPlace> places(String parameter) {
        return bare.places(parameter).stream().map(place -> place.under(prefix)).toList();
      }

      @Override
      public boolean ignores(String tensor) {
        return !tensor.startsWith(prefix) || bare.ignores(tensor.substring(prefix.length()));
      }
    };
  }
}
