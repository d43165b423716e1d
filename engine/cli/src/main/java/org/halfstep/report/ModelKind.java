package org.halfstep.report;

import org.halfstep.diffusion.Chain;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;

/** What kind of model a row of a report is of. */
public enum ModelKind {
  /** Guided by two evaluations per step. */
  TEACHER("teacher"),
  /** A student of the deterministic chain, of a range of w. */
  DETERMINISTIC("D"),
  /** A student of the stochastic chain, of a range of w. */
  STOCHASTIC("S"),
  /** A student of one w. */
  SINGLE_W("single w"),
  /** A student without stage one, guided by two evaluations per step. */
  NAIVE("naive");

  private final String label;

  ModelKind(String label) {
    this.label = label;
  }

  /** In tables and plots. */
  String label() {
    return label;
  }

  /** The kind that a card says. */
  static ModelKind of(ModelCard card) {
    if (card.role() == Role.TEACHER) {
      return TEACHER;
    }
    if (card.role() == Role.NAIVE) {
      return NAIVE;
    }
    if (card.guidanceMin().equals(card.guidanceMax())) {
      return SINGLE_W;
    }
    return card.chain() == Chain.STOCHASTIC ? STOCHASTIC : DETERMINISTIC;
  }
}
