package org.halfstep.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.halfstep.device.Device;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.TensorView;
import org.halfstep.torch.TorchFile;

/**
 * {@link Inception} with its weights on a device, from tensors under the names of the usual PyTorch
 * port ({@code Mixed_6b.branch7x7_2.conv.weight}, {@code Mixed_6b.branch7x7_2.bn.running_var},
 * {@code fc.weight}).
 */
public final class InceptionNetwork implements AutoCloseable {
  private static final double EPSILON = 0.001;
  private static final String NETWORK =
      "the InceptionV3 of FID (pt_inception-2015-12-05-6726825d.pth)";

  /** Tensors by name. */
  @FunctionalInterface
  public interface Tensors {
    Optional<TensorView> find(String name);
  }

  private final Graph graph = Inception.build();
  private final ParameterSlab weights;

  private InceptionNetwork(Device device) {
    weights = new ParameterSlab(device, graph, "weights of Inception");
  }

  /**
   * Reads a file of weights: safetensors, or what {@code torch.save} wrote.
   *
   * @param device stays the caller's
   * @throws IOException with one line when the file is damaged, holds anything but tensors, or
   *     tensors of another network; names the first that is missing or has another shape
   */
  public static InceptionNetwork load(Device device, Path path) throws IOException {
    if (TorchFile.isOne(path)) {
      try (TorchFile file = TorchFile.open(path)) {
        return of(device, file::find, path.toString());
      }
    }
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      return of(device, file::find, path.toString());
    }
  }

  /**
   * A network from tensors, which are copied.
   *
   * @param origin where they come from, for error texts
   */
  public static InceptionNetwork of(Device device, Tensors tensors, String origin)
      throws IOException {
    InceptionNetwork network = new InceptionNetwork(device);
    try {
      for (Parameter parameter : network.graph.parameters().values()) {
        network.fill(parameter, tensors, origin);
      }
      return network;
    } catch (Throwable failure) {
      network.close();
      throw failure;
    }
  }

  private void fill(Parameter parameter, Tensors tensors, String origin) throws IOException {
    String name = parameter.name();
    if (name.equals(Inception.CLASSIFIER)) {
      weights.set(parameter, values(tensors, name, parameter.shape(), origin));
    } else if (name.endsWith(Inception.KERNEL)) {
      String layer = name.substring(0, name.length() - Inception.KERNEL.length());
      Parameter bias = graph.parameters().get(layer + Inception.BIAS);
      fold(parameter, bias, layer + ".bn.", tensors, origin);
    }
  }

  /** Makes the batch norm with its running statistics part of the convolution before it. */
  private void fold(Parameter weight, Parameter bias, String norm, Tensors tensors, String origin)
      throws IOException {
    List<Integer> channels = bias.shape();
    float[] kernel = values(tensors, weight.name(), weight.shape(), origin);
    float[] gain = values(tensors, norm + "weight", channels, origin);
    float[] offset = values(tensors, norm + "bias", channels, origin);
    float[] mean = values(tensors, norm + "running_mean", channels, origin);
    float[] variance = values(tensors, norm + "running_var", channels, origin);
    int perChannel = kernel.length / gain.length;
    float[] added = new float[gain.length];
    for (int channel = 0; channel < gain.length; channel++) {
      if (!(variance[channel] >= 0)) {
        throw new UnsuitableWeightsException(
            origin
                + ": tensor "
                + norm
                + "running_var has "
                + variance[channel]
                + " at "
                + channel
                + ", expected variances of at least 0");
      }
      double factor = gain[channel] / Math.sqrt(variance[channel] + EPSILON);
      added[channel] = (float) (offset[channel] - factor * mean[channel]);
      for (int i = channel * perChannel; i < (channel + 1) * perChannel; i++) {
        kernel[i] = (float) (factor * kernel[i]);
      }
    }
    weights.set(weight, kernel);
    weights.set(bias, added);
  }

  private static float[] values(Tensors tensors, String name, List<Integer> shape, String origin)
      throws IOException {
    TensorView tensor =
        tensors
            .find(name)
            .orElseThrow(
                () ->
                    new UnsuitableWeightsException(
                        origin + ": tensor " + name + " is missing; expected " + NETWORK));
    long[] wanted = shape.stream().mapToLong(Integer::longValue).toArray();
    if (!Arrays.equals(wanted, tensor.shape()) || !tensor.dtype().isFloating()) {
      throw new UnsuitableWeightsException(
          origin
              + ": tensor "
              + name
              + " is "
              + tensor.dtype()
              + " "
              + Arrays.toString(tensor.shape())
              + "; "
              + NETWORK
              + " has "
              + shape
              + " there");
    }
    float[] values = tensor.floats();
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new UnsuitableWeightsException(
            origin + ": tensor " + name + " has " + values[i] + " at " + i);
      }
    }
    return values;
  }

  public Graph graph() {
    return graph;
  }

  public ParameterSlab weights() {
    return weights;
  }

  @Override
  public void close() {
    weights.close();
  }
}
