package org.halfstep.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.Map;
import org.halfstep.files.Json;

/**
 * The card of a network that others made and that is used as it is: the network behind FID, an
 * autoencoder, a text encoder.
 *
 * @param name what it is, in a few words
 * @param provenance where it comes from, for people
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record ComponentCard(String name, Map<String, String> provenance) implements Card {
  public ComponentCard {
    if (name == null) {
      throw new IllegalArgumentException("component card: name is missing");
    }
    name = CardText.line("component card: name", name);
    provenance = CardText.entries("component card: provenance", provenance);
  }

  @Override
  public String toJson() {
    return Json.text(this);
  }

  /**
   * @throws IllegalArgumentException in one line
   */
  public static ComponentCard fromJson(String json) {
    return Json.parse(ComponentCard.class, "component card", json);
  }
}
