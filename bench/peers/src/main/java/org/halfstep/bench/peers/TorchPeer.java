package org.halfstep.bench.peers;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Adam;
import org.bytedeco.pytorch.AdamOptions;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * libtorch by bytedeco's bindings, on a TorchScript file. A training step is a forward pass, the
 * mean squared difference to fixed images, a backward pass, and Adam.
 */
final class TorchPeer implements Peer {
  static final double RATE = 1e-4;

  private final JitModule module;
  private final Tensor images;
  private final Tensor times;
  private final Tensor labels;
  private final Adam optimizer;

  TorchPeer(Path model, Batch batch, boolean training, int threads) {
    torch.set_num_threads(threads);
    module = torch.load(model.toString());
    images = Tensor.create(batch.images(), batch.shape());
    times = Tensor.create(batch.times());
    labels = Tensor.create(batch.labels());
    module.train(training);
    optimizer = training ? new Adam(parameters(), new AdamOptions(RATE)) : null;
  }

  private TensorVector parameters() {
    TensorVector all = new TensorVector();
    var each = module.parameters().begin();
    for (long left = module.parameters().size(); left > 0; left--) {
      Tensor one = new Tensor(each.access());
      one.requires_grad_(true);
      all.push_back(one);
      each.increment();
    }
    return all;
  }

  @Override
  public String engine() {
    try {
      return "libtorch " + Loader.getVersion("org.bytedeco", "pytorch");
    } catch (IOException unknown) {
      return "libtorch";
    }
  }

  private Tensor forward() {
    return module
        .forward(new IValueVector(new IValue(images), new IValue(times), new IValue(labels)))
        .toTensor();
  }

  @Override
  public void run() {
    try (PointerScope _ = new PointerScope()) {
      if (optimizer == null) {
        try (InferenceMode _ = new InferenceMode(true)) {
          forward();
        }
      } else {
        optimizer.zero_grad();
        torch.mse_loss(forward(), images).backward();
        optimizer.step();
      }
    }
  }

  @Override
  public float[] output() {
    try (PointerScope _ = new PointerScope();
        InferenceMode _ = new InferenceMode(true)) {
      FloatBuffer buffer = forward().contiguous().createBuffer();
      float[] values = new float[buffer.remaining()];
      buffer.get(values);
      return values;
    }
  }

  @Override
  public void close() {
    module.close();
  }
}
