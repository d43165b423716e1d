package org.halfstep.checkpoint;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.ContinuousNoise;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.model.ModelCard;
import org.halfstep.model.UNetConfig;

/**
 * The options that guided-diffusion's scripts, and those of the consistency models, are started
 * with: what a file of their networks does not say. Names and defaults are theirs; what only
 * decides how they are run is passed over.
 *
 * @param imageSize side in pixels
 * @param channels base width
 * @param resBlocks residual blocks per level
 * @param heads of attention, where {@code headChannels} is -1
 * @param headChannels channels of a head, or -1
 * @param attentionResolutions sides with attention, such as 32,16,8
 * @param channelMult widths of levels as multiples of {@code channels}, such as 1,2,3,4; empty for
 *     what goes with the side
 * @param dropout in training
 * @param scaleShiftNorm whether embeddings modulate norms
 * @param residualResampling whether residual blocks join the levels
 * @param newAttentionOrder whether queries, keys and values are split before heads
 * @param learnsVariance whether there are as many outputs again for the variance
 * @param steps noise levels
 * @param noiseSchedule cosine or linear
 * @param predictsImage whether the image is predicted, and not its noise
 * @param sigmaMin least noise of EDM's preconditioning; null for a network without
 * @param sigmaMax greatest
 */
@JsonIgnoreProperties({
  "class_cond",
  "num_heads_upsample",
  "use_checkpoint",
  "use_fp16",
  "timestep_respacing",
  "use_kl",
  "rescale_learned_sigmas",
  "weight_schedule"
})
public record AdmFlags(
    @JsonProperty("image_size") int imageSize,
    @JsonProperty("num_channels") int channels,
    @JsonProperty("num_res_blocks") int resBlocks,
    @JsonProperty("num_heads") int heads,
    @JsonProperty("num_head_channels") int headChannels,
    @JsonProperty("attention_resolutions") String attentionResolutions,
    @JsonProperty("channel_mult") String channelMult,
    @JsonProperty("dropout") double dropout,
    @JsonProperty("use_scale_shift_norm") boolean scaleShiftNorm,
    @JsonProperty("resblock_updown") boolean residualResampling,
    @JsonProperty("use_new_attention_order") boolean newAttentionOrder,
    @JsonProperty("learn_sigma") boolean learnsVariance,
    @JsonProperty("diffusion_steps") int steps,
    @JsonProperty("noise_schedule") String noiseSchedule,
    @JsonProperty("predict_xstart") boolean predictsImage,
    @JsonProperty("sigma_min") Double sigmaMin,
    @JsonProperty("sigma_max") Double sigmaMax) {
  private static final String COSINE = "cosine";
  private static final String LINEAR = "linear";

  /** Levels that linear betas from 1e-4 to 0.02 were made for. */
  private static final double USUAL_STEPS = 1000;

  /** Widths that go with a side, as the scripts have them. */
  private static final Map<Integer, String> MULTIPLES =
      Map.of(
          512,
          "0.5,1,1,2,2,4,4",
          256,
          "1,1,2,2,4,4",
          128,
          "1,1,2,3,4",
          64,
          "1,2,3,4",
          32,
          "1,2,2,2");

  public AdmFlags {
    attentionResolutions = attentionResolutions == null ? "16,8" : attentionResolutions;
    channelMult = channelMult == null || channelMult.isEmpty() ? usual(imageSize) : channelMult;
    noiseSchedule = noiseSchedule == null ? LINEAR : noiseSchedule;
    if (!noiseSchedule.equals(COSINE) && !noiseSchedule.equals(LINEAR)) {
      throw new IllegalArgumentException(
          "noise_schedule must be cosine or linear, got " + noiseSchedule);
    }
    if ((sigmaMin == null) != (sigmaMax == null)) {
      throw new IllegalArgumentException("sigma_min and sigma_max go together: EDM has both");
    }
    if (sigmaMin != null && (learnsVariance || predictsImage)) {
      throw new IllegalArgumentException(
          "EDM's networks have no learn_sigma and no predict_xstart, which stand beside sigma_min");
    }
  }

  /** As the options are read, with the scripts' own defaults for what is left out. */
  @JsonCreator
  static AdmFlags of(
      @JsonProperty("image_size") Integer imageSize,
      @JsonProperty("num_channels") Integer channels,
      @JsonProperty("num_res_blocks") Integer resBlocks,
      @JsonProperty("num_heads") Integer heads,
      @JsonProperty("num_head_channels") Integer headChannels,
      @JsonProperty("attention_resolutions") String attentionResolutions,
      @JsonProperty("channel_mult") String channelMult,
      @JsonProperty("dropout") Double dropout,
      @JsonProperty("use_scale_shift_norm") Boolean scaleShiftNorm,
      @JsonProperty("resblock_updown") Boolean residualResampling,
      @JsonProperty("use_new_attention_order") Boolean newAttentionOrder,
      @JsonProperty("learn_sigma") Boolean learnsVariance,
      @JsonProperty("diffusion_steps") Integer steps,
      @JsonProperty("noise_schedule") String noiseSchedule,
      @JsonProperty("predict_xstart") Boolean predictsImage,
      @JsonProperty("sigma_min") Double sigmaMin,
      @JsonProperty("sigma_max") Double sigmaMax) {
    return new AdmFlags(
        or(imageSize, 64),
        or(channels, 128),
        or(resBlocks, 2),
        or(heads, 4),
        or(headChannels, -1),
        attentionResolutions,
        channelMult,
        or(dropout, 0.0),
        or(scaleShiftNorm, true),
        or(residualResampling, false),
        or(newAttentionOrder, false),
        or(learnsVariance, false),
        or(steps, 1000),
        noiseSchedule,
        or(predictsImage, false),
        sigmaMin,
        sigmaMax);
  }

  private static <T> T or(T value, T fallback) {
    return value == null ? fallback : value;
  }

  private static String usual(int side) {
    String known = MULTIPLES.get(side);
    if (known == null) {
      throw new IllegalArgumentException(
          "channel_mult must be given for images of " + side + " pixels, such as 1,2,2");
    }
    return known;
  }

  /** Whether it is one of EDM's networks. */
  boolean isEdm() {
    return sigmaMin != null;
  }

  /**
   * The network.
   *
   * @param classes rows of its table of classes; 0 for a network without
   * @throws IllegalArgumentException in one line, when there is no such network
   */
  UNetConfig network(int classes) {
    return new UNetConfig(
        imageSize,
        3,
        channels,
        3,
        resBlocks,
        numbers("attention_resolutions", attentionResolutions).stream()
            .map(Double::intValue)
            .toList(),
        numbers("channel_mult", channelMult),
        classes == 0 ? null : classes,
        false,
        headChannels == -1 ? null : headChannels,
        heads,
        scaleShiftNorm,
        residualResampling,
        true,
        newAttentionOrder,
        (float) dropout,
        null);
  }

  private static List<Double> numbers(String name, String list) {
    try {
      return Arrays.stream(list.split(",")).map(String::strip).map(Double::valueOf).toList();
    } catch (NumberFormatException wrong) {
      throw new IllegalArgumentException(
          name + " must be numbers with commas between them, got " + list, wrong);
    }
  }

  /** What is said of it. */
  ModelCard card(Map<String, String> provenance) {
    ModelCard plain = ModelCard.teacher(null, List.of(), provenance);
    if (isEdm()) {
      ContinuousNoise noise =
          new ContinuousNoise(
              ContinuousNoise.Kind.KARRAS,
              null,
              sigmaMin,
              sigmaMax,
              ContinuousNoise.EDM.sigmaData());
      return plain.withNoise(noise, Parameterization.EDM);
    }
    Betas betas =
        noiseSchedule.equals(COSINE)
            ? new Betas(Betas.COSINE.start(), Betas.COSINE.end(), steps, false, Betas.Rise.COSINE)
            : new Betas(
                Betas.LINEAR.start() * USUAL_STEPS / steps,
                Betas.LINEAR.end() * USUAL_STEPS / steps,
                steps,
                false,
                Betas.Rise.LINEAR);
    return plain.withDiffusion(
        betas, predictsImage ? Parameterization.X : Parameterization.EPS, TimeGrid.UNIFORM);
  }
}
