package org.halfstep.model;

import org.halfstep.graph.Graph;

/** A network of a diffusion model: what it predicts, it predicts of a noised image and a time. */
public interface DiffusionArchitecture extends Architecture {
  @Override
  DiffusionPorts ports(Graph graph);
}
