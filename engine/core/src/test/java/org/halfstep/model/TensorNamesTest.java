package org.halfstep.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.halfstep.model.TensorPlace.BatchNorm;
import org.halfstep.model.TensorPlace.ScaledByNorm;
import org.halfstep.model.TensorPlace.ShiftOfNorm;
import org.halfstep.model.TensorPlace.Stored;
import org.junit.jupiter.api.Test;

class TensorNamesTest {
  private static final TensorNames NAMES =
      new TensorNames() {
        @Override
        public String layout() {
          return "another program's";
        }

        @Override
        public List<TensorPlace> places(String parameter) {
          return List.of(
              Stored.whole("attn.in_proj").part(1, 3),
              new ScaledByNorm(Stored.whole("conv"), new BatchNorm("bn", 1e-3)),
              new ShiftOfNorm(new BatchNorm("bn", 1e-3)));
        }

        @Override
        public boolean ignores(String tensor) {
          return tensor.equals("position_ids");
        }
      };

  @Test
  void ownNamesArePlacesOfTheirOwn() {
    assertEquals(List.of(Stored.whole("out.2.weight")), TensorNames.OWN.places("out.2.weight"));
    assertFalse(TensorNames.OWN.ignores("position_ids"));
  }

  @Test
  void aPrefixStandsBeforeEveryNameAndHidesOtherNetworks() {
    TensorNames inFile = NAMES.under("text.");
    assertEquals(
        List.of(
            Stored.whole("text.attn.in_proj").part(1, 3),
            new ScaledByNorm(Stored.whole("text.conv"), new BatchNorm("text.bn", 1e-3)),
            new ShiftOfNorm(new BatchNorm("text.bn", 1e-3))),
        inFile.places("anything"));
    assertEquals("another program's", inFile.layout());
    assertTrue(inFile.ignores("vae.conv"));
    assertTrue(inFile.ignores("text.position_ids"));
    assertFalse(inFile.ignores("text.more"));
    assertFalse(inFile.ignores("text."));
  }

  @Test
  void placesThatCannotBeAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> Stored.whole(""));
    assertThrows(IllegalArgumentException.class, () -> Stored.whole("a").part(3, 3));
    assertThrows(IllegalArgumentException.class, () -> Stored.whole("a").part(-1, 3));
    assertThrows(IllegalArgumentException.class, () -> Stored.whole("a").part(0, 2).transpose());
    assertThrows(IllegalArgumentException.class, () -> Stored.whole("a").ofRank(9));
    assertThrows(IllegalArgumentException.class, () -> new BatchNorm("bn", 0));
  }
}
