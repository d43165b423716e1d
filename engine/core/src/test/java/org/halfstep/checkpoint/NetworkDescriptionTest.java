package org.halfstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.halfstep.diffusion.Betas;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The published networks from their configurations alone: how many names, shapes and numbers. */
class NetworkDescriptionTest {
  private final List<String> notes = new ArrayList<>();

  private NetworkDescription describe(Part part, String json) throws DataException {
    ObjectNode config = Json.parse(ObjectNode.class, "config", json.replace('\'', '"'));
    return ConfigFiles.describe(part, config, "config.json", notes::add);
  }

  private static final String SD1 = "{'cross_attention_dim':768}";
  private static final String SD2 =
      "{'cross_attention_dim':1024,'attention_head_dim':[5,10,20,20],'use_linear_projection':true,"
          + "'upcast_attention':null}";
  private static final String CIN =
      "{'in_channels':3,'out_channels':3,'block_out_channels':[192,384,576,960],"
          + "'down_block_types':['DownBlock2D','CrossAttnDownBlock2D','CrossAttnDownBlock2D',"
          + "'CrossAttnDownBlock2D'],'up_block_types':['CrossAttnUpBlock2D','CrossAttnUpBlock2D',"
          + "'CrossAttnUpBlock2D','UpBlock2D'],'cross_attention_dim':512,'attention_head_dim':1}";

  private void counts(Part part, String json, int tensors, long parameters) throws DataException {
    NetworkDescription network = describe(part, json);
    assertEquals(tensors, network.shapes().size());
    assertEquals(parameters, network.parameters());
    assertEquals(List.of(), notes);
    NetworkDescription again = ConfigFiles.describe(part, network.toJson(), "again", notes::add);
    assertEquals(network, again);
    Set<String> places = new HashSet<>();
    for (String name : network.shapes().keySet()) {
      assertFalse(network.single().places(name).isEmpty(), name);
      assertTrue(places.add(network.single().places(name).getFirst().toString()), name);
    }
  }

  @Test
  void countsAreThoseOfThePublishedFiles() throws DataException {
    counts(Part.UNET, SD1, 686, 859_520_964L);
    counts(Part.UNET, SD1.replace("{", "{'in_channels':9,"), 686, 859_535_364L);
    counts(Part.UNET, SD1.replace("{", "{'time_cond_proj_dim':256,"), 687, 859_602_884L);
    counts(Part.UNET, SD2, 686, 865_910_724L);
    counts(Part.UNET, CIN, 688, 400_920_579L);
    counts(Part.AUTOENCODER, "{}", 248, 83_653_863L);
    counts(
        Part.AUTOENCODER,
        "{'_class_name':'VQModel','block_out_channels':[128,256,512],'layers_per_block':2,"
            + "'num_vq_embeddings':8192,'scaling_factor':1.0,'vq_embed_dim':3,'latent_channels':3}",
        205,
        55_322_782L);
    counts(
        Part.TEXT_ENCODER,
        "{'hidden_size':768,'intermediate_size':3072,'num_hidden_layers':12,"
            + "'num_attention_heads':12}",
        196,
        123_060_480L);
    counts(
        Part.TEXT_ENCODER,
        "{'hidden_size':1024,'intermediate_size':4096,'num_hidden_layers':23,"
            + "'num_attention_heads':16,'hidden_act':'gelu'}",
        372,
        340_387_840L);
  }

  @Test
  void tablesOfNamesGoBothWays() throws DataException {
    UNetDescription unet = (UNetDescription) describe(Part.UNET, CIN);
    ModuleTable table = UNetNames.table(unet);
    for (String name : unet.shapes().keySet()) {
      assertEquals(name, table.ours(table.theirs(name).orElseThrow()).orElseThrow());
    }
    assertEquals(
        "output_blocks.5.2.conv.weight",
        table.theirs("up_blocks.1.upsamplers.0.conv.weight").orElseThrow());
    assertEquals(
        "output_blocks.2.2.conv.bias",
        table.theirs("up_blocks.0.upsamplers.0.conv.bias").orElseThrow());
    ModuleTable sd = UNetNames.table((UNetDescription) describe(Part.UNET, SD1));
    assertEquals(
        "output_blocks.2.1.conv.weight",
        sd.theirs("up_blocks.0.upsamplers.0.conv.weight").orElseThrow());
    assertEquals(
        "input_blocks.10.0.in_layers.2.weight",
        sd.theirs("down_blocks.3.resnets.0.conv1.weight").orElseThrow());
    assertTrue(sd.theirs("up_blocks.9.resnets.0.conv1.weight").isEmpty());
    AutoencoderDescription stage = (AutoencoderDescription) describe(Part.AUTOENCODER, "{}");
    ModuleTable stages = AutoencoderNames.table(stage);
    for (String name : stage.shapes().keySet()) {
      assertEquals(name, stages.ours(stages.theirs(name).orElseThrow()).orElseThrow());
    }
    assertEquals(
        "decoder.up.3.block.2.conv1.weight",
        stages.theirs("decoder.up_blocks.0.resnets.2.conv1.weight").orElseThrow());
  }

  @Test
  void defaultsAreThoseOfEarlyFiles() throws DataException {
    UNetDescription unet = (UNetDescription) describe(Part.UNET, "{}");
    assertEquals(1280, unet.context());
    assertEquals(List.of(8, 8, 8, 8), unet.heads());
    assertEquals(List.of(true, true, true, false), unet.downAttention());
    assertEquals(List.of(false, true, true, true), unet.upAttention());
    assertFalse(unet.linearProjection());
    AutoencoderDescription stage = (AutoencoderDescription) describe(Part.AUTOENCODER, "{}");
    assertEquals(0.18215, stage.scalingFactor());
    assertArrayEquals(
        new long[] {512, 512}, stage.shapes().get("encoder.mid_block.attentions.0.to_q.weight"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "UNET | 'in_channels':5 | in_channels: is 5, as in networks that see depth",
        "UNET | 'in_channels':8 | in_channels: is 8, as in networks that see a picture to edit",
        "UNET | 'num_attention_heads':8 | num_attention_heads: is 8; this engine knows networks without it",
        "UNET | 'addition_embed_type':'text_time' | addition_embed_type: is \"text_time\"",
        "UNET | 'act_fn':'gelu' | act_fn: is \"gelu\"; this engine knows only silu",
        "UNET | 'norm_eps':1e-6 | norm_eps: is",
        "UNET | 'freq_shift':1 | freq_shift: is 1",
        "UNET | 'flip_sin_to_cos':false | flip_sin_to_cos: is false; this engine knows only true",
        "UNET | 'only_cross_attention':[false,true] | only_cross_attention: is [false,true]",
        "UNET | 'down_block_types':['DownBlock2D'] | down_block_types: has 1 values; expected one for each of 4",
        "UNET | 'up_block_types':['A','B','C','D'] | up_block_types: has A; expected CrossAttnUpBlock2D",
        "UNET | 'attention_head_dim':7 | attention_head_dim: is 7 heads in level 0",
        "UNET | 'attention_head_dim':0 | attention_head_dim: is 0; expected an integer from 1",
        "UNET | 'block_out_channels':[99999999999] | block_out_channels: is 99999999999; expected",
        "UNET | 'block_out_channels':[] | block_out_channels: expected a list of 1 to 8 values",
        "UNET | 'layers_per_block':1000000 | layers_per_block: is 1000000",
        "UNET | 'norm_num_groups':7 | norm_num_groups: is 7, which does not divide 320",
        "UNET | '_class_name':'UNet2DModel' | _class_name: is \"UNet2DModel\"",
        "AUTOENCODER | 'shift_factor':0.1 | shift_factor: is 0.1; this engine knows networks without it",
        "AUTOENCODER | 'latents_mean':[0.1] | latents_mean: is [0.1]",
        "AUTOENCODER | 'scaling_factor':'x' | scaling_factor: is \"x\"; expected a number",
        "AUTOENCODER | 'use_quant_conv':false | use_quant_conv: is false",
        "AUTOENCODER | 'down_block_types':['A','A','A','A'] | down_block_types: has A",
        "AUTOENCODER | '_class_name':'AutoencoderTiny' | _class_name: is AutoencoderTiny",
        "TEXT_ENCODER | 'hidden_act':'relu' | hidden_act: is relu; expected quick_gelu or gelu",
        "TEXT_ENCODER | 'layer_norm_eps':1e-7 | layer_norm_eps: is",
        "TEXT_ENCODER | 'num_attention_heads':7 | num_attention_heads: is 7",
        "TEXT_ENCODER | 'model_type':'t5' | model_type: is t5",
      })
  void anotherNetworkIsRefusedByItsKey(Part part, String entry, String expected) {
    String line =
        assertThrows(DataException.class, () -> describe(part, "{" + entry + "}")).getMessage();
    assertTrue(line.startsWith("config.json: " + expected), line);
    assertEquals(1, line.lines().count());
  }

  @Test
  void unknownKeysAreSaidAndPassedOver() throws DataException {
    describe(Part.UNET, "{'_name_or_path':'x','novelty':1}");
    assertEquals(List.of("config.json: unknown keys are passed over: novelty"), notes);
  }

  @Test
  void aSchedulerSaysWhatItsClassDoesNot() throws DataException {
    assertEquals("linspace", scheduler("{'_class_name':'EulerDiscreteScheduler'}").spacing());
    assertEquals("leading", scheduler("{'_class_name':'PNDMScheduler'}").spacing());
    assertFalse(scheduler("{'_class_name':'PNDMScheduler'}").cleanEnd());
    assertTrue(scheduler("{}").cleanEnd());
    assertEquals(0.00085, scheduler("{'_class_name':'LCMScheduler'}").betaStart());
    assertEquals(0.0001, scheduler("{}").betaStart());
    assertTrue(
        assertThrows(DataException.class, () -> scheduler("{'trained_betas':[0.1]}"))
            .getMessage()
            .contains("trained_betas: is [0.1]"));
    assertTrue(
        assertThrows(DataException.class, () -> scheduler("{'prediction_type':'flow'}"))
            .getMessage()
            .contains("prediction_type: is flow; expected epsilon, v_prediction or sample"));
    assertEquals(Betas.Rise.LINEAR, scheduler("{}").betas().rise());
    assertEquals(
        Betas.scaledLinear(0.0001, 0.02, 1000),
        scheduler("{'beta_schedule':'scaled_linear'}").betas());
  }

  private SchedulerConfig scheduler(String json) throws DataException {
    ObjectNode config = Json.parse(ObjectNode.class, "config", json.replace('\'', '"'));
    return SchedulerConfig.of(config, new ConfigKeys(config, "config.json", notes::add));
  }
}
