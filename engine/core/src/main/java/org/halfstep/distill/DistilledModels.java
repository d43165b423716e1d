package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.graph.Weights;
import org.halfstep.model.DiffusionArchitecture;
import org.halfstep.model.ModelCard;
import org.halfstep.train.ConditionedNetwork;

/**
 * The networks of a distillation: how they are opened, made, and kept in the run's folder. What is
 * opened or made is closed by the caller, through its network.
 */
interface DistilledModels {
  /** What the run begins with, for error texts. */
  Path teacher();

  /**
   * SHA-256 of what the run begins with: students of one teacher must not be continued with those
   * of another.
   */
  String identity() throws IOException;

  /** Opens what the run begins with, for inference. */
  ConditionedNetwork openTeacher() throws IOException;

  /**
   * Opens a model that a run has kept, for inference.
   *
   * @param model as people are told it
   */
  ConditionedNetwork open(Path model) throws IOException;

  /** SHA-256 of the weights of such a model. */
  String sha256(Path model) throws IOException;

  /**
   * Where a model of the run is kept.
   *
   * @param name such as "guided"
   * @return the file of its weights, whose digest stands for the model
   */
  Path place(String name);

  /** What people are told that a model is kept in. */
  Path shown(Path kept);

  /** The network of a student that begins with the weights of another one. */
  DiffusionArchitecture trained(ConditionedNetwork teacher, boolean guided);

  /**
   * A network to train, with the weights of another one.
   *
   * @param guided whether it takes the guidance strength; where its teacher does not, its weights
   *     are zero
   */
  ConditionedNetwork student(ConditionedNetwork teacher, boolean guided, ModelCard card);

  /**
   * Keeps a model, in place of what is there.
   *
   * @param card what is said of it
   * @param weights of the network, or their moving average
   */
  void save(ConditionedNetwork model, ModelCard card, Weights weights, Path kept)
      throws IOException;
}
