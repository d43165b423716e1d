package org.halfstep.train;

import org.halfstep.random.Permutation;

/** Which image each example of a stage shows. */
@FunctionalInterface
public interface ExampleOrder {
  /**
   * Index of an example's image. Asked in the order of examples it allocates once an epoch.
   *
   * @param example number of the example since the start of the stage
   */
  int at(long example);

  /**
   * All images once in each epoch, in an order of its own.
   *
   * @param count how many there are
   */
  static ExampleOrder shuffled(long seed, int count) {
    return new ExampleOrder() {
      private Permutation order;
      private long orderEpoch = -1;

      @Override
      public int at(long example) {
        long epoch = example / count;
        if (epoch != orderEpoch) {
          order = new Permutation(seed, epoch, count);
          orderEpoch = epoch;
        }
        return (int) order.at(example % count);
      }
    };
  }
}
