package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Slab;
import org.halfstep.device.SlabLayout;

/**
 * The examples of one update: what was drawn for each row on the host, and their values on the
 * device. Rows are float32 NHWC.
 */
public final class TrainingBatch implements AutoCloseable {
  private final Device device;
  private final int size;
  private final int values;
  private final DataType precision;
  private final Slab slab;
  private final HostView cleanWindow;
  private final SlabLayout.Part clean;
  private final SlabLayout.Part noise;
  private final SlabLayout.Part noised;
  private final SlabLayout.Part target;
  private final long[] examples;
  private final int[] conditions;
  private final double[] times;
  private final double[] alphas;
  private final double[] sigmas;
  private final double[] guidances;

  /**
   * @param size rows
   * @param values numbers of one image, or latent
   * @param precision storage type of activations in the plans that run on this batch
   */
  public TrainingBatch(Device device, int size, int values, DataType precision) {
    this.device = device;
    this.precision = precision;
    this.size = size;
    this.values = values;
    SlabLayout images = new SlabLayout();
    this.clean = images.floats((long) size * values);
    this.noise = images.floats((long) size * values);
    this.noised = images.floats((long) size * values);
    this.target = images.floats((long) size * values);
    this.slab = images.allocate(device, "training batch");
    this.cleanWindow = clean.window();
    this.examples = new long[size];
    this.conditions = new int[size];
    this.times = new double[size];
    this.alphas = new double[size];
    this.sigmas = new double[size];
    this.guidances = new double[size];
  }

  /** The stream that everything about this batch runs on. */
  public Device device() {
    return device;
  }

  public int size() {
    return size;
  }

  /** Numbers of one image, or latent. */
  public int values() {
    return values;
  }

  /** Storage type of activations; the batch itself is float32. */
  public DataType precision() {
    return precision;
  }

  /** Device address of the clean images x. */
  public long clean() {
    return clean.address();
  }

  /** Device address of the noise eps. */
  public long noise() {
    return noise.address();
  }

  /** Device address of the noised images z_t. */
  public long noised() {
    return noised.address();
  }

  /** Device address of the target v. */
  public long target() {
    return target.address();
  }

  /** The clean images as the host writes them. */
  MemorySegment cleanValues() {
    return cleanWindow.memory();
  }

  void pushClean() {
    cleanWindow.push();
  }

  /** Number of each row's example since the start of the stage. */
  public long[] examples() {
    return examples;
  }

  /** Condition of each row: the number of a class, or of a caption. */
  public int[] conditions() {
    return conditions;
  }

  /** Time t of each row, in [0, 1]. */
  public double[] times() {
    return times;
  }

  /** Scale of the data at each row's time. */
  public double[] alphas() {
    return alphas;
  }

  /** Scale of the noise at each row's time. */
  public double[] sigmas() {
    return sigmas;
  }

  /** Guidance strength w of each row; 0 where there is none. */
  public double[] guidances() {
    return guidances;
  }

  @Override
  public void close() {
    cleanWindow.close();
    slab.close();
  }
}
