package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.SequencedMap;
import org.halfstep.model.TensorNames;

/**
 * One network as its configuration describes it: what its parameters are called and what shapes
 * they have. Parameters go by the names of diffusers (of transformers, for the text encoder).
 */
public sealed interface NetworkDescription
    permits UNetDescription, AutoencoderDescription, TextEncoderDescription {
  /** Which network it is. */
  Part part();

  /** The keys and values of a config.json that describes it. */
  ObjectNode toJson();

  /** Every parameter with its extents, outermost first, in the order in which the network runs. */
  SequencedMap<String, long[]> shapes();

  /** The names in files of diffusers, those of earlier versions among them. */
  TensorNames diffusers();

  /** The names in a single file, without the prefix that selects this network. */
  TensorNames single();

  /** Numbers of all parameters together. */
  default long parameters() {
    return shapes().values().stream().mapToLong(ParameterShapes::elements).sum();
  }
}
