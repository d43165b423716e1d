package org.halfstep.bench;

import java.io.IOException;
import java.util.stream.IntStream;
import org.halfstep.image.ImageBatch;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;

/** A bundled model and one request to it, the classes in turn, from request to pixels. */
final class Sampling implements AutoCloseable {
  private final DiffusionModel model;
  private final SampleRequest request;
  private long seed;

  /**
   * @param steps sampler steps of a teacher; 0 for those of a student
   * @param images of the request
   */
  Sampling(String name, int steps, int images) throws IOException {
    model = DiffusionModel.bundled(name);
    int classes = model.classes();
    SampleRequest own = model.request(IntStream.range(0, images).map(i -> i % classes).toArray());
    request = steps == 0 ? own : own.withSteps(steps);
    model.warmUp(request);
  }

  /** Makes the images, from other noise each time. */
  ImageBatch run() {
    return model.sample(request.withSeed(seed++));
  }

  /** The same work in few steps, so that code is compiled and memory touched. */
  void warmUp(int steps) {
    model.sample(request.withSteps(steps));
  }

  int steps() {
    return request.steps();
  }

  long evaluations() {
    return model.evaluations(request);
  }

  @Override
  public void close() {
    model.close();
  }
}
