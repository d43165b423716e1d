package org.halfstep.model;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Objects;
import org.halfstep.files.Json;
import org.halfstep.graph.Graph;

/**
 * The shape of an ADM UNet (Dhariwal and Nichol, "Diffusion Models Beat GANs on Image Synthesis",
 * 2021) with an optional guidance-strength input. The JSON names are the option names of the
 * reference network.
 *
 * @param imageSize side of the square image in pixels, up to 16,384; divisible by two once per
 *     level after the first
 * @param inChannels image channels read, from 1 to 16,384; data has 1 or 3
 * @param modelChannels base width, up to 16,384; the embedding is four times as wide
 * @param outChannels channels written, as many as are read
 * @param numResBlocks residual blocks per level on the way down, from 1 to 64; one more on the way
 *     up
 * @param attentionResolutions feature-map sides at which attention follows each residual block; at
 *     most 16
 * @param channelMult width of each level as a multiple of {@code modelChannels}, 1 to 16 levels;
 *     each width is a multiple of {@value #GROUPS} up to 16,384
 * @param numClasses classes, up to 1,048,576, or null for an unconditional network
 * @param nullLabel whether the label table has one more row, index {@code numClasses}, for "no
 *     label" ("cfg")
 * @param numHeadChannels channels per attention head, a divisor of the width, or null to use {@code
 *     numHeads}
 * @param numHeads heads when {@code numHeadChannels} is null, from 1 to 16,384
 * @param scaleShiftNorm whether embeddings modulate the second norm instead of being added before
 *     it
 * @param residualResampling whether levels are joined by residual blocks ("resblock_updown")
 * @param convResample whether plain up- and downsampling carries a convolution
 * @param newAttentionOrder order of the rows of qkv projections
 * @param dropout dropout probability in residual blocks while training, at least 0 and below 1
 * @param guidanceEmbedDim width of the embedding of the guidance strength, from 2 to 16,384, or
 *     null for a network without that input
 */
@JsonInclude(JsonInclude.Include.ALWAYS)
@JsonIgnoreProperties(ignoreUnknown = false)
public record UNetConfig(
    @JsonProperty(value = "image_size", required = true) int imageSize,
    @JsonProperty(value = "in_channels", required = true) int inChannels,
    @JsonProperty(value = "model_channels", required = true) int modelChannels,
    @JsonProperty(value = "out_channels", required = true) int outChannels,
    @JsonProperty(value = "num_res_blocks", required = true) int numResBlocks,
    @JsonProperty(value = "attention_resolutions", required = true)
        List<Integer> attentionResolutions,
    @JsonProperty("channel_mult") List<Double> channelMult,
    @JsonProperty("num_classes") Integer numClasses,
    @JsonProperty("cfg") boolean nullLabel,
    @JsonProperty("num_head_channels") Integer numHeadChannels,
    @JsonProperty("num_heads") Integer numHeads,
    @JsonProperty("use_scale_shift_norm") boolean scaleShiftNorm,
    @JsonProperty("resblock_updown") boolean residualResampling,
    @JsonProperty("conv_resample") Boolean convResample,
    @JsonProperty("use_new_attention_order") boolean newAttentionOrder,
    @JsonProperty("dropout") float dropout,
    @JsonProperty("guidance_embed_dim") Integer guidanceEmbedDim)
    implements DiffusionArchitecture {

  /** Files of diffusion models. */
  public static final NetworkFormat<UNetConfig, ModelCard> FORMAT =
      new NetworkFormat<>(
          "halfstep-unet-1",
          "model",
          UNetConfig::fromJson,
          ModelCard::fromJson,
          UNetConfig::requireAgreement);

  /** The parameter with a row for each class, and one for "no label" where there is one. */
  public static final String LABEL_TABLE = "label_emb.weight";

  /** Groups of every group normalisation, as in the reference network. */
  public static final int GROUPS = 32;

  // Far above every network there is, and low enough that no size worked out from them overflows.
  private static final int MAXIMUM_SIDE = 1 << 14;
  private static final int MAXIMUM_CHANNELS = 1 << 14;
  private static final int MAXIMUM_BLOCKS = 64;
  private static final int MAXIMUM_LEVELS = 16;
  private static final int MAXIMUM_CLASSES = 1 << 20;

  public UNetConfig {
    channelMult = channelMult == null ? List.of(1.0, 2.0) : copy("channel_mult", channelMult);
    attentionResolutions = copy("attention_resolutions", attentionResolutions);
    convResample = convResample == null || convResample;
    numHeads = numHeads == null ? 1 : numHeads;
    // -1 stands for "not given" in the public configurations.
    numHeadChannels = numHeadChannels != null && numHeadChannels == -1 ? null : numHeadChannels;
    requireRange("image_size", imageSize, 1, MAXIMUM_SIDE);
    requireRange("in_channels", inChannels, 1, MAXIMUM_CHANNELS);
    requireRange("out_channels", outChannels, 1, MAXIMUM_CHANNELS);
    requireRange("model_channels", modelChannels, 1, MAXIMUM_CHANNELS);
    requireRange("num_res_blocks", numResBlocks, 1, MAXIMUM_BLOCKS);
    requireRange("num_heads", numHeads, 1, MAXIMUM_CHANNELS);
    if (numHeadChannels != null) {
      requireRange("num_head_channels", numHeadChannels, 1, MAXIMUM_CHANNELS);
    }
    if (numClasses != null) {
      requireRange("num_classes", numClasses, 1, MAXIMUM_CLASSES);
    }
    if (guidanceEmbedDim != null) {
      requireRange("guidance_embed_dim", guidanceEmbedDim, 2, MAXIMUM_CHANNELS);
    }
    require(!channelMult.isEmpty(), "channel_mult names no level");
    require(!nullLabel || numClasses != null, "cfg needs num_classes");
    require(dropout >= 0 && dropout < 1, "dropout must lie in [0, 1), got " + dropout);
    for (double multiple : channelMult) {
      double width = multiple * modelChannels;
      require(
          width >= 1 && width <= MAXIMUM_CHANNELS && (int) width % GROUPS == 0,
          "every level's width must be a multiple of "
              + GROUPS
              + " up to "
              + MAXIMUM_CHANNELS
              + ", got "
              + width);
    }
    int halvings = channelMult.size() - 1;
    require(
        halvings < Integer.SIZE - 1 && imageSize >> halvings << halvings == imageSize,
        "image_size " + imageSize + " cannot be halved " + halvings + " times");
    for (int side : attentionResolutions) {
      requireRange("attention_resolutions", side, 1, MAXIMUM_SIDE);
    }
    for (int level = 0; level <= halvings; level++) {
      // The middle block, at the last level, always has attention.
      if (level == halvings || attentionResolutions.contains(imageSize >> level)) {
        int width = (int) (channelMult.get(level) * modelChannels);
        int heads = numHeadChannels == null ? numHeads : width / numHeadChannels;
        require(
            heads >= 1 && width % heads == 0,
            width + " channels do not split into " + heads + " heads");
      }
    }
  }

  private static <T> List<T> copy(String name, List<T> values) {
    require(values != null, name + " must be given");
    require(
        values.size() <= MAXIMUM_LEVELS, name + " has more than " + MAXIMUM_LEVELS + " numbers");
    require(values.stream().noneMatch(Objects::isNull), name + " has null in it");
    return List.copyOf(values);
  }

  private static void requireRange(String name, int value, int least, int most) {
    require(
        value >= least && value <= most,
        name + " must be from " + least + " to " + most + ", got " + value);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException("network configuration: " + message);
    }
  }

  /** Width of each level. */
  @JsonIgnore
  public List<Integer> widths() {
    return channelMult.stream().map(multiple -> (int) (multiple * modelChannels)).toList();
  }

  @JsonIgnore
  public int embeddingChannels() {
    return 4 * modelChannels;
  }

  /** Rows of the label table: the classes, and the null label if there is one. */
  @JsonIgnore
  public int labelRows() {
    return numClasses == null ? 0 : numClasses + (nullLabel ? 1 : 0);
  }

  @JsonIgnore
  public boolean isConditional() {
    return numClasses != null;
  }

  /** Whether the network takes the guidance strength. */
  @JsonIgnore
  public boolean isGuided() {
    return guidanceEmbedDim != null;
  }

  /** Heads of an attention block of {@code channels} channels. */
  public int heads(int channels) {
    int heads = numHeadChannels == null ? numHeads : channels / numHeadChannels;
    if (heads < 1 || channels % heads != 0) {
      throw new IllegalArgumentException(
          channels + " channels do not split into " + heads + " heads");
    }
    return heads;
  }

  /** The same network with a guidance-strength input of the given embedding width. */
  public UNetConfig withGuidance(int dimension) {
    return with(dropout, dimension, nullLabel);
  }

  /** The same network with another dropout probability. */
  public UNetConfig withDropout(float probability) {
    return with(probability, guidanceEmbedDim, nullLabel);
  }

  /** The same network with a row for "no label", where it has labels. */
  public UNetConfig withNullLabel() {
    return with(dropout, guidanceEmbedDim, isConditional());
  }

  private UNetConfig with(float probability, Integer guidanceDimension, boolean hasNullLabel) {
    return new UNetConfig(
        imageSize,
        inChannels,
        modelChannels,
        outChannels,
        numResBlocks,
        attentionResolutions,
        channelMult,
        numClasses,
        hasNullLabel,
        numHeadChannels,
        numHeads,
        scaleShiftNorm,
        residualResampling,
        convResample,
        newAttentionOrder,
        probability,
        guidanceDimension);
  }

  @Override
  public NetworkFormat<UNetConfig, ModelCard> format() {
    return FORMAT;
  }

  /** What a card says of classes and times, each allowed, may not fit the network. */
  private static void requireAgreement(UNetConfig config, ModelCard card) {
    card.requireTimes();
    if (config.isConditional() && card.classNames().size() > config.numClasses()) {
      throw new IllegalArgumentException(
          "names "
              + card.classNames().size()
              + " classes, but its network has "
              + config.numClasses());
    }
  }

  @Override
  public void write(Layers layers) {
    UNet.write(this, layers);
  }

  @Override
  public UNetPorts ports(Graph graph) {
    return UNetPorts.of(this, graph);
  }

  @Override
  public long leastTensors() {
    return channelMult.size() * (2L * numResBlocks + 1);
  }

  public static UNetConfig fromJson(String json) {
    return Json.parse(UNetConfig.class, "network configuration", json);
  }

  @Override
  public String toJson() {
    return Json.text(this);
  }
}
