package org.halfstep.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.List;
import java.util.Map;
import org.halfstep.files.Json;

/**
 * What a classifier's file says of itself beside its shape.
 *
 * @param dataset name of the training data
 * @param classNames one per class
 * @param provenance how it was made, for people: updates, batch, seed, …
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record ClassifierCard(
    String dataset, List<String> classNames, Map<String, String> provenance) implements Card {

  public ClassifierCard {
    if (dataset == null) {
      throw new IllegalArgumentException("classifier card: dataset is missing");
    }
    dataset = CardText.line("classifier card: dataset", dataset);
    classNames = CardText.names("classifier card: classNames", classNames);
    provenance = CardText.entries("classifier card: provenance", provenance);
  }

  @Override
  public String toJson() {
    return Json.text(this);
  }

  public static ClassifierCard fromJson(String json) {
    return Json.parse(ClassifierCard.class, "classifier card", json);
  }
}
