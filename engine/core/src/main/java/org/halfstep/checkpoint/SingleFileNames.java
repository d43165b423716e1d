package org.halfstep.checkpoint;

import java.util.List;
import org.halfstep.model.TensorNames;
import org.halfstep.model.TensorPlace;

/** How a single file of CompVis tells its networks apart, and what in it means nothing. */
final class SingleFileNames {
  static final String UNET = "model.diffusion_model.";
  static final String AVERAGE = "model_ema.";
  static final String FIRST_STAGE = "first_stage_model.";
  static final String RARE_FIRST_STAGE = "vae.";

  /** Transformers' names follow. */
  static final String TEXT = "cond_stage_model.transformer.";

  /** OpenCLIP's names follow. */
  static final String OPEN_CLIP = "cond_stage_model.model.";

  static final String CLASS_TABLE = "cond_stage_model.embedding.weight";
  static final String TWO_TEXTS = "conditioner.embedders.";

  /** Says that the network predicts v. */
  static final String VELOCITY = "v_pred";

  /** Says that its schedule ends in noise alone. */
  static final String ZERO_TERMINAL = "ztsnr";

  static final String ALPHAS = "alphas_cumprod";

  /** Fewer names than this are not the moving average of a network. */
  private static final int LEAST_AVERAGES = 100;

  private static final String MODEL = "model.";

  private static final List<String> MEANINGLESS =
      List.of(
          "betas",
          ALPHAS,
          "alphas_cumprod_prev",
          "lvlb_weights",
          "logvar",
          "scale_factor",
          VELOCITY,
          ZERO_TERMINAL);

  private static final List<String> MEANINGLESS_STARTS =
      List.of(
          "sqrt_",
          "log_one_minus_",
          "posterior_",
          AVERAGE,
          "first_stage_model.loss.",
          "embedding_manager.",
          "optimizer_states");

  private SingleFileNames() {}

  /** Whether a tensor belongs to training or to a schedule, which follows from the betas. */
  static boolean isMeaningless(String name) {
    return MEANINGLESS.contains(name)
        || MEANINGLESS_STARTS.stream().anyMatch(name::startsWith)
        || name.endsWith(".position_ids");
  }

  /** Whether there is a moving average of the UNet beside it. */
  static boolean hasAverage(Iterable<String> names) {
    int count = 0;
    for (String name : names) {
      count += name.startsWith(AVERAGE) ? 1 : 0;
    }
    return count > LEAST_AVERAGES;
  }

  /**
   * Names of the moving average of a UNet: those of the UNet without dots. Flattened names are not
   * parsed but made from the others.
   *
   * @param plain the UNet's, without prefix
   */
  static TensorNames average(TensorNames plain) {
    TensorNames whole = plain.under(UNET);
    return new TensorNames() {
      @Override
      public String layout() {
        return whole.layout();
      }

      @Override
      public List<TensorPlace> places(String parameter) {
        return whole.places(parameter).stream()
            .map(TensorPlace.Stored.class::cast)
            .<TensorPlace>map(SingleFileNames::flattened)
            .toList();
      }
    };
  }

  private static TensorPlace.Stored flattened(TensorPlace.Stored place) {
    String name = place.tensor().substring(MODEL.length()).replace(".", "");
    return new TensorPlace.Stored(
        AVERAGE + name, place.part(), place.parts(), place.transposed(), place.rank());
  }

  /**
   * A UNet's names with those of its table of classes, which lies outside of it.
   *
   * @param names of all else, with their prefix
   */
  static TensorNames withClassTable(TensorNames names) {
    return new TensorNames() {
      @Override
      public String layout() {
        return names.layout();
      }

      @Override
      public List<TensorPlace> places(String parameter) {
        return parameter.equals(UNetDescription.CLASS_TABLE)
            ? List.of(TensorPlace.Stored.whole(CLASS_TABLE))
            : names.places(parameter);
      }
    };
  }
}
