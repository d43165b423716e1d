package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Slab;
import org.halfstep.device.SlabLayout;
import org.halfstep.graph.Shape;
import org.halfstep.model.NetworkInputs;

/**
 * The examples of one update: what was drawn for each row on the host, and their values on the
 * device. Rows are float32 NHWC.
 */
public final class TrainingBatch implements AutoCloseable {
  private final Device device;
  private final int size;
  private final int values;
  private final int pixels;
  private final int besideChannels;
  private final DataType precision;
  private final NetworkInputs trained;
  private final Slab slab;
  private final HostView cleanWindow;
  private final HostView besideWindow;
  private final SlabLayout.Part clean;
  private final SlabLayout.Part noise;
  private final SlabLayout.Part noised;
  private final SlabLayout.Part target;
  private final SlabLayout.Part beside;
  private final long[] examples;
  private final int[] conditions;
  private final double[] times;
  private final double[] alphas;
  private final double[] sigmas;
  private final double[] guidances;
  private long update;

  /**
   * Without anything beside.
   *
   * @param size rows
   * @param values numbers of one image, or latent
   * @param precision storage type of activations in the plans that run on this batch
   */
  public TrainingBatch(Device device, int size, int values, DataType precision) {
    this(device, size, Shape.vector(values), 0, precision, null);
  }

  /**
   * @param size rows
   * @param shape extents of one image, or latent
   * @param besideChannels of what a network sees beside it; 0 for nothing
   * @param precision storage type of activations in the plans that run on this batch
   * @param trained what the trained network is told of each row; null where none is trained
   */
  public TrainingBatch(
      Device device,
      int size,
      Shape shape,
      int besideChannels,
      DataType precision,
      NetworkInputs trained) {
    this.trained = trained;
    this.values = shape.size();
    this.pixels = shape.pixels();
    this.besideChannels = besideChannels;
    this.device = device;
    this.precision = precision;
    this.size = size;
    SlabLayout images = new SlabLayout();
    this.clean = images.floats((long) size * values);
    this.noise = images.floats((long) size * values);
    this.noised = images.floats((long) size * values);
    this.target = images.floats((long) size * values);
    this.beside = images.floats((long) size * pixels * besideChannels);
    this.slab = images.allocate(device, "training batch");
    this.cleanWindow = clean.window();
    this.besideWindow = besideChannels == 0 ? null : beside.window();
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

  /** Pixels of one image, or latent. */
  public int pixels() {
    return pixels;
  }

  /** Channels of what a network sees beside an image; 0 for nothing. */
  public int besideChannels() {
    return besideChannels;
  }

  /** Device address of that: rows of pixels of these channels. */
  public long beside() {
    return beside.address();
  }

  /** Storage type of activations; the batch itself is float32. */
  public DataType precision() {
    return precision;
  }

  /** What the trained network is told of each row, before any target is computed; or null. */
  public NetworkInputs trained() {
    return trained;
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

  /** What is seen beside them, as the host writes it. */
  MemorySegment besideValues() {
    return besideWindow.memory();
  }

  void pushClean() {
    cleanWindow.push();
    if (besideWindow != null) {
      besideWindow.push();
    }
  }

  /** Number of the update within the stage that the rows belong to, from 0. */
  public long update() {
    return update;
  }

  /** Says which update the rows that are drawn next belong to, from 0. */
  public void setUpdate(long number) {
    update = number;
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
    if (besideWindow != null) {
      besideWindow.close();
    }
    slab.close();
  }
}
