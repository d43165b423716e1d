package org.halfstep.bench.peers;

import ai.djl.MalformedModelException;
import ai.djl.engine.Engine;
import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Adam;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.NoopTranslator;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.nio.file.Path;

/**
 * libtorch by the Deep Java Library, on a TorchScript file. A training step is {@link TorchPeer}'s.
 */
final class DjlPeer implements Peer {
  static final String THREADS = "ai.djl.pytorch.num_threads";

  private final ZooModel<NDList, NDList> model;
  private final NDManager memory;
  private final NDList inputs;
  private final Predictor<NDList, NDList> predictor;
  private final Trainer trainer;

  /** The number of threads is a system property of the library, {@value #THREADS}. */
  DjlPeer(Path file, Batch batch, boolean training)
      throws IOException, MalformedModelException, ModelNotFoundException {
    Criteria.Builder<NDList, NDList> criteria =
        Criteria.builder()
            .setTypes(NDList.class, NDList.class)
            .optModelPath(file.toAbsolutePath())
            .optEngine("PyTorch")
            .optTranslator(new NoopTranslator());
    if (training) {
      criteria.optOption("trainParam", "true");
    }
    model = criteria.build().loadModel();
    memory = model.getNDManager().newSubManager();
    inputs =
        new NDList(
            memory.create(batch.images(), new Shape(batch.shape())),
            memory.create(batch.times()),
            memory.create(batch.labels()));
    predictor = model.newPredictor();
    trainer = training ? newTrainer() : null;
  }

  private Trainer newTrainer() {
    Adam adam =
        Adam.builder().optLearningRateTracker(Tracker.fixed((float) TorchPeer.RATE)).build();
    Trainer made =
        model.newTrainer(new DefaultTrainingConfig(Loss.l2Loss()).optOptimizer(adam));
    made.initialize(inputs.getShapes());
    return made;
  }

  @Override
  public String engine() {
    return "libtorch " + Engine.getEngine("PyTorch").getVersion() + " by DJL";
  }

  @Override
  public void run() {
    if (trainer == null) {
      forward().close();
      return;
    }
    try (NDManager step = memory.newSubManager()) {
      try (GradientCollector gradients = trainer.newGradientCollector()) {
        NDList out = trainer.forward(inputs);
        out.attach(step);
        NDArray loss = out.getFirst().sub(inputs.getFirst()).square().mean();
        loss.attach(step);
        gradients.backward(loss);
      }
      trainer.step();
    }
  }

  private NDList forward() {
    try {
      return predictor.predict(inputs);
    } catch (TranslateException failed) {
      throw new IllegalStateException(failed);
    }
  }

  @Override
  public float[] output() {
    try (NDList out = forward()) {
      return out.getFirst().toFloatArray();
    }
  }

  @Override
  public void close() {
    predictor.close();
    if (trainer != null) {
      trainer.close();
    }
    memory.close();
    model.close();
  }
}
