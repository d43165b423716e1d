package org.halfstep.bench.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Tensor;
import org.halfstep.bench.PeerNetwork;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.files.AtomicFile;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.Tensors;

/**
 * Writes networks for every engine, with the same random weights: {@code PeerModels FOLDER
 * S|M|L...} makes NAME.safetensors for Halfstep, NAME.onnx for ONNX Runtime, and NAME.pt
 * (TorchScript) for libtorch.
 */
final class PeerModels {
  private PeerModels() {}

  public static void main(String[] arguments) throws IOException {
    if (arguments.length < 2) {
      throw new IllegalArgumentException("usage: PeerModels FOLDER S|M|L...");
    }
    Path folder = Files.createDirectories(Path.of(arguments[0]));
    for (String name : List.of(arguments).subList(1, arguments.length)) {
      PeerNetwork which = PeerNetwork.valueOf(name);
      Path weights = folder.resolve(name + ".safetensors");
      try (Device device = new CpuDevice();
          Network<UNetConfig, ModelCard> network = which.fresh(device)) {
        network.save(weights, network.card(), Dtype.F32);
      }
      try (SafetensorsFile parameters = SafetensorsFile.open(weights)) {
        write(which.config(), parameters, folder, name);
      }
      System.out.println(folder.resolve(name) + ".safetensors, .onnx, .pt");
    }
  }

  /** Writes NAME.onnx and NAME.pt. */
  static void write(UNetConfig config, Tensors parameters, Path folder, String name)
      throws IOException {
    OnnxNotation onnx = new OnnxNotation(parameters);
    String result = WrittenUNet.write(config, onnx);
    onnx.write(folder.resolve(name + ".onnx"), config.inChannels(), config.imageSize(), result);
    TorchNotation torch = new TorchNotation(parameters);
    String method = torch.method(WrittenUNet.write(config, torch));
    script(method, torch.parameters(), parameters, folder.resolve(name + ".pt"));
  }

  private static void script(
      String method, Map<String, long[]> shapes, Tensors parameters, Path file)
      throws IOException {
    AtomicFile.requireWritable(file);
    try (PointerScope _ = new PointerScope()) {
      JitModule module = new JitModule(new QualifiedName("UNet"));
      for (Map.Entry<String, long[]> one : shapes.entrySet()) {
        float[] values = parameters.find(one.getKey()).orElseThrow().floats();
        long[] shape = one.getValue();
        if (Arrays.stream(shape).reduce(1, Math::multiplyExact) != values.length) {
          throw new IllegalStateException(one.getKey() + ": " + Arrays.toString(shape));
        }
        module.register_parameter(
            TorchNotation.attribute(one.getKey()), Tensor.create(values, shape), false);
      }
      module.define(method);
      module.save(file.toString());
    }
  }
}
