package org.halfstep.device.cuda.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.halfstep.device.DataType;
import org.halfstep.device.Window;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class EngineChoiceTest {
  @AfterEach
  void nothingIsSet() {
    System.clearProperty(EngineChoice.PROPERTY);
  }

  @Test
  void enginesAreTimedOnlyWhereThatIsAskedForAndResultsMayChange() {
    assertEquals(EngineChoice.FIRST, EngineChoice.of(false));
    System.setProperty(EngineChoice.PROPERTY, "timed");
    assertEquals(EngineChoice.TIMED, EngineChoice.of(false));
    assertEquals(EngineChoice.FIRST, EngineChoice.of(true));
    System.setProperty(EngineChoice.PROPERTY, "first");
    assertEquals(EngineChoice.FIRST, EngineChoice.of(false));
  }

  @Test
  void anotherWordIsRefusedEvenWhereNothingIsTimed() {
    System.setProperty(EngineChoice.PROPERTY, "fastest");
    for (boolean deterministic : List.of(true, false)) {
      String message =
          assertThrows(IllegalArgumentException.class, () -> EngineChoice.of(deterministic))
              .getMessage();
      assertEquals("system property halfstep.engines is timed or first, not: fastest", message);
    }
  }

  @Test
  void aTimedPlanHasAKeyOfItsOwn() {
    PlanRequest request =
        new PlanRequest(
            new CudnnConvolutionGraph(
                CudnnConvolutionGraph.Kind.FORWARD,
                1,
                8,
                8,
                8,
                8,
                Window.square(3, 1, 1),
                DataType.BF16,
                true,
                false,
                false),
            100);
    String first = request.key(false, EngineChoice.FIRST);
    assertNotEquals(first, request.key(false, EngineChoice.TIMED));
    assertEquals(request.operation() + ", workspace up to 100", first);
  }
}
