package org.halfstep.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a classifier's file says of itself beside its shape.
 *
 * @param dataset name of the training data
 * @param classNames one per class
 * @param provenance how it was made, for people: updates, batch, seed, …
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record ClassifierCard(
    String dataset, List<String> classNames, Map<String, String> provenance) {
  private static final ObjectMapper JSON = new ObjectMapper();

  public ClassifierCard {
    if (dataset == null) {
      throw new IllegalArgumentException("classifier card: dataset is missing");
    }
    classNames = classNames == null ? List.of() : List.copyOf(classNames);
    // Sorted, so that a file's bytes do not depend on the order of a hash.
    provenance =
        provenance == null ? Map.of() : Collections.unmodifiableMap(new TreeMap<>(provenance));
  }

  public String toJson() {
    try {
      return JSON.writeValueAsString(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  public static ClassifierCard fromJson(String json) {
    try {
      return JSON.readValue(json, ClassifierCard.class);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("classifier card: " + e.getOriginalMessage(), e);
    }
  }
}
