package org.halfstep.bench;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Map;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.PlanProfile;
import org.halfstep.graph.Value;
import org.halfstep.latent.AutoencoderConfig;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.LatentUNetPorts;
import org.halfstep.model.Architecture;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.model.TensorNames;
import org.halfstep.safetensors.SafetensorsFile;

/**
 * One evaluation of the networks of Stable Diffusion 1.5 beside the peers: D, the UNet on latents
 * of 64x64 with 77 tokens of text, and V, the decoder to 512x512, from the float16 files that the
 * peers' export wrote.
 */
final class LatentRun {
  private static final int SIDE = 64;
  private static final int CHANNELS = 4;
  private static final int TOKENS = 77;
  private static final int FACTOR = 8;
  private static final int COLOURS = 3;
  private static final float PHASE = 0.37f;

  /** Contexts of ten texts, of which a run takes one. */
  private static final String CONTEXTS = "contexts";

  private static final float[] CHECK_TIMES = {10, 700};
  private static final int[] CHECK_TEXTS = {1, 7};
  private static final float TIME = 100;

  /** The files hold contexts, or the other half of a first stage, beside the network. */
  private static final TensorNames NAMES = TensorNames.own(TensorNames.OWN.layout(), _ -> true);

  private LatentRun() {}

  static boolean knows(String name) {
    return name.equals("D") || name.equals("V");
  }

  static void main(String... arguments) throws IOException {
    String name = arguments[0];
    int batch = Integer.parseInt(arguments[2]);
    double seconds = Double.parseDouble(arguments[3]);
    if (batch != 1) {
      throw new IllegalArgumentException("D and V are run with batch 1, got " + batch);
    }
    Path file = Path.of(System.getProperty(PeerNetwork.MODELS), name + ".safetensors");
    try (Device device = BenchDevice.open();
        Pass pass = new Pass(device, name, file)) {
      System.out.println(
          switch (arguments[1]) {
            case "forward" -> {
              pass.fill(0, TIME, 0);
              RunTimes times = RunTimes.of(pass::run, seconds);
              yield times.result(name, "forward", batch, NetworkRun.work(pass.plan));
            }
            case "profile" -> {
              pass.fill(0, TIME, 0);
              RunTimes times = RunTimes.of(pass::run, seconds);
              yield times.result(name, "forward", batch, "profile:")
                  + "\n"
                  + NetworkRun.text(PlanProfile.forward(pass.plan, times.count()), device);
            }
            case "check" -> {
              float[] both = new float[2 * SIDE * SIDE * CHANNELS];
              for (int row = 0; row < 2; row++) {
                pass.fill(row, CHECK_TIMES[row], CHECK_TEXTS[row]);
                pass.run();
                pass.output(both, row * SIDE * SIDE * CHANNELS);
              }
              yield NetworkRun.sums(both);
            }
            default -> throw new IllegalArgumentException("D and V know forward, profile, check");
          });
    }
  }

  /** A plan of D or V with its inputs. */
  private static final class Pass implements AutoCloseable {
    private final boolean isUNet;
    private final SafetensorsFile file;
    private final Network<?, ComponentCard> network;
    private final Plan plan;
    private final Value x;
    private final Value out;

    private Pass(Device device, String name, Path path) throws IOException {
      isUNet = name.equals("D");
      file = SafetensorsFile.open(path);
      Architecture architecture =
          isUNet
              ? new LatentUNetConfig(LatentShapes.UNET, SIDE, SIDE, TOKENS)
              : AutoencoderConfig.decoder(LatentShapes.AUTOENCODER, SIDE, SIDE);
      network =
          Network.open(
              device,
              architecture,
              new ComponentCard(name, Map.of()),
              SafetensorsFile.open(path),
              NAMES,
              Long.getLong(PeerNetwork.MEMORY, 0) << 20);
      Graph graph = network.graph();
      plan =
          Plan.inference(
              device,
              graph,
              PlanOptions.inference(1).withType(BenchDevice.precision()),
              network.values());
      plan.prepare();
      x = graph.named(isUNet ? "x" : "z");
      out = graph.named("out");
    }

    /** The peers' inputs of a row: sin(0.37 i), channels first. */
    void fill(int row, float time, int text) {
      try (HostView view = view(x)) {
        int values = SIDE * SIDE * CHANNELS;
        for (int i = 0; i < values; i++) {
          view.memory()
              .setAtIndex(
                  ValueLayout.JAVA_FLOAT,
                  PeerInputs.channelsLast(i, CHANNELS, values),
                  (float) Math.sin((float) (row * values + i) * PHASE));
        }
        view.push();
      }
      if (!isUNet) {
        return;
      }
      LatentUNetPorts ports = ((LatentUNetConfig) network.architecture()).ports(plan.graph());
      try (HostView t = view(ports.time());
          HostView context = view(ports.context())) {
        t.memory().setAtIndex(ValueLayout.JAVA_FLOAT, 0, time);
        t.push();
        float[] contexts = file.find(CONTEXTS).orElseThrow().floats();
        int numbers = (int) plan.count(ports.context());
        MemorySegment.copy(
            contexts, text * numbers, context.memory(), ValueLayout.JAVA_FLOAT, 0, numbers);
        context.push();
      }
      plan.condition();
    }

    private HostView view(Value value) {
      return plan.device().view(plan.address(value), Float.BYTES * plan.count(value));
    }

    void run() {
      plan.forward();
      plan.device().synchronize();
    }

    /** As the peers give it, channels first; of V the picture averaged over 8x8, and zeros. */
    void output(float[] values, int from) {
      try (HostView view = view(out)) {
        view.pull();
        for (int i = 0; i < SIDE * SIDE * CHANNELS; i++) {
          int channel = i / (SIDE * SIDE);
          int y = i / SIDE % SIDE;
          int column = i % SIDE;
          if (isUNet) {
            values[from + i] = at(view, (y * SIDE + column) * CHANNELS + channel);
          } else if (channel < COLOURS) {
            double sum = 0;
            for (int pixel = 0; pixel < FACTOR * FACTOR; pixel++) {
              int row = y * FACTOR + pixel / FACTOR;
              int place = column * FACTOR + pixel % FACTOR;
              sum += at(view, (row * SIDE * FACTOR + place) * COLOURS + channel);
            }
            values[from + i] = (float) (sum / (FACTOR * FACTOR));
          }
        }
      }
    }

    private static float at(HostView view, long index) {
      return view.memory().getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    @Override
    public void close() {
      plan.close();
      network.close();
      file.close();
    }
  }
}
