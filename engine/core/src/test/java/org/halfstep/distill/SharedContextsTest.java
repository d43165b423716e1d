package org.halfstep.distill;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.Launch;
import org.halfstep.device.Owned;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.latent.ClipTextConfig;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.DiffusionArchitecture;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;
import org.halfstep.model.TensorNames;
import org.halfstep.text.TokenTable;
import org.halfstep.train.ConditionedNetwork;
import org.halfstep.train.ContextConditioned;
import org.halfstep.train.Examples;
import org.halfstep.train.OptimizerSettings;
import org.halfstep.train.Trainer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The contexts of a student's captions, which its teacher is told as well. */
class SharedContextsTest {
  private static final int BATCH = 2;

  @TempDir private Path folder;
  private final Owned owned = new Owned();
  private ContextConditioned teacher;
  private TokenTable captions;

  @BeforeEach
  void open() throws IOException {
    TinyPipeline.write(folder);
    Device device = owned.add(new CpuDevice());
    Checkpoint checkpoint =
        owned.add(Checkpoint.open(folder.resolve("diffusers"), CheckpointOptions.standard()));
    Component text = checkpoint.component(Part.TEXT_ENCODER).orElseThrow();
    Component unet = checkpoint.component(Part.UNET).orElseThrow();
    TextDescription description = (TextDescription) text.network();
    captions =
        TokenTable.of(
            checkpoint.openTokenizer().orElseThrow(), LatentRuns.CAPTIONS, description.positions());
    ClipTextConfig config = ClipTextConfig.context(description);
    Network<ClipTextConfig, ComponentCard> encoder =
        owned.add(
            Network.open(
                device,
                config,
                new ComponentCard("text encoder", Map.of()),
                text.tensors(),
                config.names(),
                Network.DEFAULT_MEMORY));
    Network<LatentUNetConfig, ModelCard> network =
        owned.add(
            Network.open(
                device,
                new LatentUNetConfig(
                    (UNetDescription) unet.network(), 8, 8, description.positions()),
                ModelCard.teacher("words", List.of(), Map.of()),
                unet.tensors(),
                TensorNames.OWN,
                Network.DEFAULT_MEMORY));
    teacher = new ContextConditioned(network, encoder, captions);
  }

  @AfterEach
  void close() {
    owned.close();
  }

  /** The contexts that a plan sees, after its inputs' launches. */
  private float[] contexts(Plan plan, NetworkInputs inputs) {
    inputs.launches().forEach(Launch::run);
    var ports = teacher.network().architecture().ports(plan.graph());
    return DeviceArrays.read(
        plan.device(), plan.address(ports.context()), Math.toIntExact(plan.count(ports.context())));
  }

  @Test
  void theEncoderRunsForTheTrainedNetworkAlone() {
    Network<LatentUNetConfig, ModelCard> network = teacher.network();
    Device device = network.device();
    try (Plan small =
            Plan.inference(
                device, network.graph(), PlanOptions.inference(BATCH), network.values());
        Plan large =
            Plan.inference(
                device, network.graph(), PlanOptions.inference(2 * BATCH + 1), network.values());
        NetworkInputs trained = teacher.inputs(small);
        NetworkInputs own = teacher.inputs(large);
        NetworkInputs shared = teacher.inputs(large, trained)) {
      small.prepare();
      large.prepare();
      for (int row = 0; row < 2 * BATCH + 1; row++) {
        own.set(row, 0.5, row < BATCH ? row : captions.texts(), 0);
        shared.set(row, 0.5, row < BATCH ? row : captions.texts(), 0);
      }
      trained.set(0, 0.5, 0, 0);
      trained.set(1, 0.5, 1, 0);
      trained.push();
      own.push();
      shared.push();
      float[] expected = contexts(large, own);
      float[] first = contexts(small, trained);
      assertArrayEquals(Arrays.copyOf(expected, first.length), first);
      assertFalse(Arrays.equals(Arrays.copyOf(first, first.length / 2), half(first)));
      assertArrayEquals(expected, contexts(large, shared), "as if it encoded them itself");
      // Other tokens lie there, but nothing encodes them before the trained network's launches.
      trained.set(0, 0.5, 2, 0);
      trained.push();
      assertArrayEquals(expected, contexts(large, shared), "it does not encode");
      float[] changed = contexts(small, trained);
      assertFalse(Arrays.equals(first, changed));
      assertArrayEquals(changed, Arrays.copyOf(contexts(large, shared), first.length));
    }
  }

  private static float[] half(float[] values) {
    return Arrays.copyOfRange(values, values.length / 2, values.length);
  }

  /** A teacher that encodes its captions itself. */
  private record Apart(ConditionedNetwork of) implements ConditionedNetwork {
    @Override
    public Network<? extends DiffusionArchitecture, ModelCard> network() {
      return of.network();
    }

    @Override
    public OptionalInt without() {
      return of.without();
    }

    @Override
    public void requireConditions(Examples examples) {
      of.requireConditions(examples);
    }

    @Override
    public NetworkInputs inputs(Plan plan) {
      return of.inputs(plan);
    }
  }

  @Test
  void trainingIsTheSameToTheBit() {
    float[] shared = trained(teacher);
    assertArrayEquals(trained(new Apart(teacher)), shared);
    assertEquals(shared.length, Math.toIntExact(teacher.network().graph().parameterFloats()));
  }

  private float[] trained(ConditionedNetwork by) {
    Network<LatentUNetConfig, ModelCard> known = teacher.network();
    try (Network<LatentUNetConfig, ModelCard> student =
            Network.like(known.device(), known.architecture(), known.card(), known);
        Trainer trainer =
            new Trainer(
                new ContextConditioned(student, teacher.encoder(), captions),
                new LatentRuns.Latents(6, LatentRuns.LATENT, captions.texts(), 0),
                BATCH,
                5,
                OptimizerSettings.adam(0),
                (batch, draws) ->
                    new GuidedObjective(
                        by, batch, draws, new GuidanceRange(2, 14), LossWeighting.TRUNCATED_SNR))) {
      trainer.step(0, 1e-3);
      trainer.step(1, 1e-3);
      return student.weights().toArray();
    }
  }
}
