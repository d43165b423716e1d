package org.halfstep.sample;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.halfstep.device.Device;
import org.halfstep.image.ImageBatch;
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

  /** Numbers of the noise that an image is made from: of the image itself, or of its latent. */
  int codeValues(SampleRequest request);

  /**
   * Takes pictures to the noise that a request's steps begin with (DDIM run backwards).
   *
   * @param request how, and what each picture shows
   * @param pictures of the request's size, as many as its images
   * @param codes takes the noise: float32, NHWC
   * @throws IllegalArgumentException in one line, when the model does not take it
   */
  void encode(
      SampleRequest request,
      ImageBatch pictures,
      MemorySegment codes,
      Cancellation cancellation,
      SampleProgress progress);

  /**
   * Makes images from noise that is given.
   *
   * @param codes the noise of each image
   * @param clean takes what the last step of each image leads to: the image itself, or its latent
   * @param destination float32, NHWC, values about [-1, 1]
   */
  void decode(
      SampleRequest request,
      MemorySegment codes,
      MemorySegment clean,
      MemorySegment destination,
      Cancellation cancellation,
      SampleProgress progress);

  /**
   * What becomes of pictures without any step: of pixels themselves, of a latent model what its
   * first stage makes of them.
   *
   * @param clean takes what the first step of {@link #encode} begins with
   * @param destination float32, NHWC, values about [-1, 1]
   */
  void reconstruct(
      SampleRequest request, ImageBatch pictures, MemorySegment clean, MemorySegment destination);

  /** Makes ready what a request needs. */
  void warmUp(SampleRequest request);

  /** What the parts took in the last request; none for a single network. */
  List<ComponentUse> uses();

  /** Lines about what of the last request was not used. */
  List<String> notices();

  @Override
  void close();
}
