package org.halfstep.device.cuda.cudnn;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Window;
import org.junit.jupiter.api.Test;

/** Which convolutions of a GPU are our own; the kernel is compared in the conformance program. */
class FewPixelsTest {
  private static ConvolutionShape shape(
      int batch, int side, int inputs, int outputs, Window window) {
    return new ConvolutionShape(batch, side, side, inputs, outputs, window, inputs, 0);
  }

  @Test
  void oneImageIsAndABatchOfManyIsNot() {
    Window window = Window.square(3, 1, 1);
    assertTrue(FewPixels.suits(shape(1, 28, 64, 64, window), DataType.BF16));
    assertTrue(FewPixels.suits(shape(1, 8, 256, 256, window), DataType.BF16));
    assertFalse(FewPixels.suits(shape(64, 28, 64, 64, window), DataType.BF16));
    assertFalse(FewPixels.suits(shape(1, 32, 128, 128, window), DataType.BF16));
  }

  @Test
  void whatTheKernelCannotComputeIsLeftToCudnn() {
    Window window = Window.square(3, 1, 1);
    assertFalse(FewPixels.suits(shape(1, 8, 64, 64, window), DataType.F32));
    assertFalse(FewPixels.suits(shape(1, 8, 48, 64, window), DataType.BF16));
    assertFalse(FewPixels.suits(shape(1, 8, 64, 3, window), DataType.BF16));
    assertFalse(FewPixels.suits(shape(1, 8, 64, 64, Window.square(3, 2, 1)), DataType.BF16));
    assertFalse(FewPixels.suits(shape(1, 8, 64, 64, Window.square(3, 1, 0)), DataType.BF16));
    assertFalse(FewPixels.suits(shape(1, 8, 64, 64, Window.square(2, 1, 1)), DataType.BF16));
  }
}
