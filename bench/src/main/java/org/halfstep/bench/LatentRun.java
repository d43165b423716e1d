package org.halfstep.bench;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.PlanProfile;
import org.halfstep.graph.Value;
import org.halfstep.graph.WeightUse;
import org.halfstep.latent.AutoencoderConfig;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.LatentUNetPorts;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkFormat;
import org.halfstep.model.TensorNames;
import org.halfstep.quantize.Calibration;
import org.halfstep.quantize.LatentRows;
import org.halfstep.random.Philox;
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

  private static final LatentUNetConfig UNET =
      new LatentUNetConfig(LatentShapes.UNET, SIDE, SIDE, TOKENS);

  private static final String INT8 = "int8";

  /** Latents that D is measured on for int8. */
  private static final int CALIBRATION_IMAGES = 2;

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
    boolean isInt8 = arguments[1].endsWith(INT8);
    if (isInt8 && !name.equals("D")) {
      throw new IllegalArgumentException("of D and V only D runs in int8");
    }
    try (Device device = BenchDevice.open()) {
      if (arguments[1].equals("write-int8")) {
        System.out.println("wrote " + writeInt8(device, file));
        return;
      }
      if (arguments[1].equals("error-int8")) {
        System.out.println(error(device, file));
        return;
      }
      try (Pass pass = new Pass(device, name, file, isInt8)) {
        System.out.println(result(pass, arguments[1], name, batch, seconds));
      }
    }
  }

  private static String result(Pass pass, String mode, String name, int batch, double seconds)
      throws IOException {
    return switch (mode) {
      case "forward", INT8 -> {
        pass.fill(0, TIME, 0);
        RunTimes times = RunTimes.of(pass::run, seconds);
        yield times.result(name, "forward", batch, NetworkRun.work(pass.plan));
      }
      case "profile", "profile-int8" -> {
        pass.fill(0, TIME, 0);
        RunTimes times = RunTimes.of(pass::run, seconds);
        yield times.result(name, "forward", batch, "profile:")
            + "\n"
            + NetworkRun.text(PlanProfile.forward(pass.plan, times.count()), pass.plan.device());
      }
      case "check", "check-int8" -> {
        float[] both = new float[2 * SIDE * SIDE * CHANNELS];
        check(pass, both);
        yield NetworkRun.sums(both);
      }
      default ->
          throw new IllegalArgumentException(
              "D and V know forward, profile and check, D also int8, profile-int8, check-int8,"
                  + " error-int8 and write-int8");
    };
  }

  /** A network of D or V, float16 as it is stored. */
  private static Network<?, ComponentCard> open(Device device, String name, Path path)
      throws IOException {
    return Network.open(
        device,
        name.equals("D") ? UNET : AutoencoderConfig.decoder(LatentShapes.AUTOENCODER, SIDE, SIDE),
        new ComponentCard(name, Map.of()),
        SafetensorsFile.open(path),
        NAMES,
        Long.getLong(PeerNetwork.MEMORY, 0) << 20);
  }

  /** D in int8, measured on noise with the texts of the file. */
  private static Path writeInt8(Device device, Path path) throws IOException {
    Path int8 = int8File();
    Files.createDirectories(int8.getParent());
    try (SafetensorsFile file = SafetensorsFile.open(path);
        Network<?, ComponentCard> network = open(device, "D", path)) {
      float[] contexts = file.find(CONTEXTS).orElseThrow().floats();
      int numbers = TOKENS * LatentShapes.UNET.context();
      List<LatentRows.Sample> samples = new ArrayList<>();
      for (int i = 0; i < CALIBRATION_IMAGES; i++) {
        float[] latent = new float[SIDE * SIDE * CHANNELS];
        Philox.normal(1, i, 0, latent);
        samples.add(
            new LatentRows.Sample(
                latent, Arrays.copyOfRange(contexts, i * numbers, (i + 1) * numbers), 0));
      }
      DiscreteSchedule schedule = DiscreteSchedule.of(Betas.STABLE_DIFFUSION);
      Calibration.Scales scales =
          Calibration.scales(
              network,
              1,
              plan -> new LatentRows(UNET, plan, schedule, samples, null, 1),
              "noise",
              1,
              _ -> {});
      network.saveQuantized(int8, network.card(), scales.how(), scales.layers());
    }
    return int8;
  }

  private static Network<?, ComponentCard> openInt8(Device device) throws IOException {
    SafetensorsFile file = SafetensorsFile.open(int8File());
    return Network.open(
        device,
        UNET,
        new ComponentCard("D", Map.of()),
        NetworkFormat.quantization(file).orElseThrow(),
        file,
        TensorNames.OWN,
        WeightUse.standard());
  }

  /** How far D in int8 is from float32, of the norm of what it predicts, at the peers' inputs. */
  private static String error(Device device, Path path) throws IOException {
    float[][] outputs = new float[2][2 * SIDE * SIDE * CHANNELS];
    for (int i = 0; i < outputs.length; i++) {
      try (Pass pass = new Pass(device, "D", path, i == 1)) {
        check(pass, outputs[i]);
      }
    }
    double squares = 0;
    double norm = 0;
    for (int i = 0; i < outputs[0].length; i++) {
      squares += Math.pow(outputs[1][i] - outputs[0][i], 2);
      norm += Math.pow(outputs[0][i], 2);
    }
    return String.format(
        Locale.ROOT, "ERROR D in int8 is off by %.4f of its norm", Math.sqrt(squares / norm));
  }

  private static void check(Pass pass, float... both) {
    for (int row = 0; row < 2; row++) {
      pass.fill(row, CHECK_TIMES[row], CHECK_TEXTS[row]);
      pass.run();
      pass.output(both, row * SIDE * SIDE * CHANNELS);
    }
  }

  private static Path int8File() {
    String folder = System.getProperty(PeerNetwork.INT8, "");
    if (folder.isEmpty()) {
      throw new IllegalArgumentException(
          "-D" + PeerNetwork.INT8 + " must name the folder of int8 networks");
    }
    return Path.of(folder, "D-int8.safetensors");
  }

  /** A plan of D or V with its inputs. */
  private static final class Pass implements AutoCloseable {
    private final boolean isUNet;
    private final SafetensorsFile file;
    private final Network<?, ComponentCard> network;
    private final Plan plan;
    private final Value x;
    private final Value out;

    private Pass(Device device, String name, Path path, boolean isInt8) throws IOException {
      isUNet = name.equals("D");
      file = SafetensorsFile.open(path);
      network = isInt8 ? openInt8(device) : LatentRun.open(device, name, path);
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
