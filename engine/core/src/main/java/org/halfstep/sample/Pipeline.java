package org.halfstep.sample;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.halfstep.device.Device;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Quantization;

/**
 * What stands behind {@link DiffusionModel}: a network of pixels, or the parts of a latent model.
 */
sealed interface Pipeline extends AutoCloseable permits PixelPipeline, LatentPipeline {
  ModelCard card();

  Device device();

  /** Trained numbers in all networks. */
  long parameters();

  /** Channels of an image. */
  int channels();

  /** Rows of a request's images. */
  int height(SampleRequest request);

  /** Columns of a request's images. */
  int width(SampleRequest request);

  /** Whether images are made of texts. */
  boolean takesPrompts();

  /** Number of classes; 1 where there are none. */
  int classes();

  /** How an int8 network was made; nothing for another one. */
  Optional<Quantization> quantization();

  /** Lines about what was chosen and passed over when the model was opened. */
  List<String> notes();

  /** A request as the model is best used. */
  SampleRequest request(Condition condition);

  /**
   * @throws IllegalArgumentException in one line, when the model does not take it
   */
  void requireSupported(SampleRequest request);

  /** Evaluations of the network per image. */
  long evaluations(SampleRequest request);

  /**
   * Makes images.
   *
   * @param destination float32, NHWC, values about [-1, 1]
   */
  void sample(
      SampleRequest request,
      MemorySegment destination,
      Cancellation cancellation,
      SampleProgress progress);

  /** Makes ready what a request needs. */
  void warmUp(SampleRequest request);

  /** What the parts took in the last request; none for a single network. */
  List<ComponentUse> uses();

  /** Lines about what of the last request was not used. */
  List<String> notices();

  @Override
  void close();
}
