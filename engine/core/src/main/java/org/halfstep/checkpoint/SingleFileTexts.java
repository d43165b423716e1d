package org.halfstep.checkpoint;

/**
 * Under which names a single file that this project wrote says its configuration, in the metadata
 * of safetensors or beside the state_dict of PyTorch: the paths in a folder of diffusers.
 */
final class SingleFileTexts {
  static final String SCHEDULER = "scheduler/scheduler_config.json";

  private SingleFileTexts() {}

  static String key(Part part) {
    return part.folders().getFirst() + "/config.json";
  }
}
