package org.halfstep.model;

import org.halfstep.device.Window;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Value;

/** The network of {@link InceptionConfig}, written in layers. */
final class Inception {
  private static final Window PIXEL = Window.square(1, 1, 0);
  private static final Window THREE = Window.square(3, 1, 1);
  private static final Window FIVE = Window.square(5, 1, 2);
  private static final Window ROW_OF_THREE = new Window(1, 3, 1, 0, 1);
  private static final Window COLUMN_OF_THREE = new Window(3, 1, 1, 1, 0);
  private static final Window ROW_OF_SEVEN = new Window(1, 7, 1, 0, 3);
  private static final Window COLUMN_OF_SEVEN = new Window(7, 1, 1, 3, 0);
  private static final Window UNPADDED = Window.square(3, 1, 0);
  private static final Window HALVING = Window.square(3, 2, 0);

  private final Layers layers;
  private final Graph graph;

  private Inception(Layers layers) {
    this.layers = layers;
    this.graph = layers.graph();
  }

  static void write(Layers layers) {
    new Inception(layers).describe();
  }

  private void describe() {
    Value x =
        graph.image(ExtractorPorts.X, new Shape(InceptionConfig.SIDE, InceptionConfig.SIDE, 3));
    Value h = stage("Conv2d_1a_3x3", x, 32, HALVING);
    h = stage("Conv2d_2a_3x3", h, 32, UNPADDED);
    h = stage("Conv2d_2b_3x3", h, 64, THREE);
    h = graph.name("pool1", graph.maxPool("pool1", h, HALVING));
    h = stage("Conv2d_3b_1x1", h, 80, PIXEL);
    h = stage("Conv2d_4a_3x3", h, 192, UNPADDED);
    h = graph.name("pool2", graph.maxPool("pool2", h, HALVING));
    h = wide("Mixed_5b", h, 32);
    h = wide("Mixed_5c", h, 64);
    h = wide("Mixed_5d", h, 64);
    h = halving35("Mixed_6a", h);
    h = long7("Mixed_6b", h, 128);
    h = long7("Mixed_6c", h, 160);
    h = long7("Mixed_6d", h, 160);
    h = long7("Mixed_6e", h, 192);
    h = halving17("Mixed_7a", h);
    h = split("Mixed_7b", h, true);
    h = split("Mixed_7c", h, false);
    Window whole = Window.square(h.shape().height(), 1, 0);
    Value features = graph.name(ExtractorPorts.FEATURES, graph.averagePool("features", h, whole));
    graph.name(
        ExtractorPorts.OUT,
        layers.linearWithoutBias(InceptionConfig.CLASSIFIER, features, InceptionConfig.CLASSES));
  }

  private Value stage(String name, Value x, int channels, Window window) {
    return graph.name(name, convolution(name, x, channels, window));
  }

  private Value convolution(String name, Value x, int channels, Window window) {
    return layers.convolutionRelu(name, InceptionConfig.CONVOLUTION, x, channels, window);
  }

  private Value mixed(String name, Value... branches) {
    return graph.name(name, graph.single(graph.concatenate(branches)));
  }

  /** 35x35: 1x1, 5x5, two 3x3, and a mean pool. */
  private Value wide(String name, Value x, int poolChannels) {
    Value one = convolution(name + ".branch1x1", x, 64, PIXEL);
    Value five = convolution(name + ".branch5x5_1", x, 48, PIXEL);
    five = convolution(name + ".branch5x5_2", five, 64, FIVE);
    Value three = doubleThree(name, x, THREE);
    Value pool = graph.averagePool(name + ".pool", x, THREE);
    pool = convolution(name + ".branch_pool", pool, poolChannels, PIXEL);
    return mixed(name, one, five, three, pool);
  }

  private Value doubleThree(String name, Value x, Window last) {
    Value h = convolution(name + ".branch3x3dbl_1", x, 64, PIXEL);
    h = convolution(name + ".branch3x3dbl_2", h, 96, THREE);
    return convolution(name + ".branch3x3dbl_3", h, 96, last);
  }

  private Value halving35(String name, Value x) {
    Value three = convolution(name + ".branch3x3", x, 384, HALVING);
    Value twice = doubleThree(name, x, HALVING);
    return mixed(name, three, twice, graph.maxPool(name + ".pool", x, HALVING));
  }

  /** 17x17: 7x7 kernels as rows and columns of seven. */
  private Value long7(String name, Value x, int channels) {
    Value one = convolution(name + ".branch1x1", x, 192, PIXEL);
    Value seven = convolution(name + ".branch7x7_1", x, channels, PIXEL);
    seven = convolution(name + ".branch7x7_2", seven, channels, ROW_OF_SEVEN);
    seven = convolution(name + ".branch7x7_3", seven, 192, COLUMN_OF_SEVEN);
    Value twice = convolution(name + ".branch7x7dbl_1", x, channels, PIXEL);
    twice = convolution(name + ".branch7x7dbl_2", twice, channels, COLUMN_OF_SEVEN);
    twice = convolution(name + ".branch7x7dbl_3", twice, channels, ROW_OF_SEVEN);
    twice = convolution(name + ".branch7x7dbl_4", twice, channels, COLUMN_OF_SEVEN);
    twice = convolution(name + ".branch7x7dbl_5", twice, 192, ROW_OF_SEVEN);
    Value pool = graph.averagePool(name + ".pool", x, THREE);
    pool = convolution(name + ".branch_pool", pool, 192, PIXEL);
    return mixed(name, one, seven, twice, pool);
  }

  private Value halving17(String name, Value x) {
    Value three = convolution(name + ".branch3x3_1", x, 192, PIXEL);
    three = convolution(name + ".branch3x3_2", three, 320, HALVING);
    Value seven = convolution(name + ".branch7x7x3_1", x, 192, PIXEL);
    seven = convolution(name + ".branch7x7x3_2", seven, 192, ROW_OF_SEVEN);
    seven = convolution(name + ".branch7x7x3_3", seven, 192, COLUMN_OF_SEVEN);
    seven = convolution(name + ".branch7x7x3_4", seven, 192, HALVING);
    return mixed(name, three, seven, graph.maxPool(name + ".pool", x, HALVING));
  }

  /** 8x8: 3x3 kernels as a row and a column side by side. */
  private Value split(String name, Value x, boolean averages) {
    Value one = convolution(name + ".branch1x1", x, 320, PIXEL);
    Value three = convolution(name + ".branch3x3_1", x, 384, PIXEL);
    Value threeA = convolution(name + ".branch3x3_2a", three, 384, ROW_OF_THREE);
    Value threeB = convolution(name + ".branch3x3_2b", three, 384, COLUMN_OF_THREE);
    Value twice = convolution(name + ".branch3x3dbl_1", x, 448, PIXEL);
    twice = convolution(name + ".branch3x3dbl_2", twice, 384, THREE);
    Value twiceA = convolution(name + ".branch3x3dbl_3a", twice, 384, ROW_OF_THREE);
    Value twiceB = convolution(name + ".branch3x3dbl_3b", twice, 384, COLUMN_OF_THREE);
    Value pool =
        averages
            ? graph.averagePool(name + ".pool", x, THREE)
            : graph.maxPool(name + ".pool", x, THREE);
    pool = convolution(name + ".branch_pool", pool, 192, PIXEL);
    return mixed(name, one, threeA, threeB, twiceA, twiceB, pool);
  }
}
