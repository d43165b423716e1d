package org.halfstep.sample;

import org.halfstep.data.ImageSource;
import org.halfstep.image.ImageBatch;

/**
 * The images of a request, made when they are asked for: any number of them, with only a few in
 * memory.
 */
public final class GeneratedImages implements ImageSource {
  private final DiffusionModel model;
  private final SampleRequest request;
  private final Cancellation cancellation;
  private int done;

  /**
   * @param model stays the caller's
   * @param request for all images
   * @throws IllegalArgumentException when the model does not take it
   */
  public GeneratedImages(DiffusionModel model, SampleRequest request) {
    this(model, request, new Cancellation());
  }

  /**
   * Images of a request that can be stopped: {@link #next} then fails.
   *
   * @param model stays the caller's
   * @throws IllegalArgumentException when the model does not take the request
   */
  public GeneratedImages(DiffusionModel model, SampleRequest request, Cancellation cancellation) {
    model.requireSupported(request);
    this.model = model;
    this.request = request;
    this.cancellation = cancellation;
  }

  @Override
  public int count() {
    return request.count();
  }

  @Override
  public int height() {
    return model.height(request);
  }

  @Override
  public int width() {
    return model.width(request);
  }

  @Override
  public int channels() {
    return model.channels();
  }

  @Override
  public ImageBatch next(int atMost) {
    int end = Math.min(done + atMost, count());
    if (end == done) {
      return new ImageBatch(0, height(), width(), channels(), new byte[0]);
    }
    ImageBatch images = model.sample(request.slice(done, end), cancellation);
    done = end;
    return images;
  }

  /** The model is the caller's. */
  @Override
  public void close() {}
}
