package org.halfstep.doctor;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;

/** What the files hold: which networks, of which size, in which number formats. */
final class FileExamination {
  private static final Set<Part> WHOLE = Set.of(Part.UNET, Part.AUTOENCODER);

  private FileExamination() {}

  static void run(Checkpoint checkpoint, Consumer<Finding> findings) {
    List<String> parts = new ArrayList<>();
    for (Part part : Part.values()) {
      if (checkpoint.component(part).isPresent()) {
        parts.add(part.title());
      }
    }
    findings.accept(
        Finding.estimated(
            "layout",
            checkpoint.components().keySet().containsAll(WHOLE),
            checkpoint.layout().name().toLowerCase(Locale.ROOT).replace('_', ' ')
                + " with "
                + String.join(", ", parts),
            "a UNet and a first stage, with a text encoder unless it draws classes"));
    for (String note : checkpoint.notes()) {
      findings.accept(Finding.passed("note", note, ""));
    }
    for (Part part : Part.values()) {
      checkpoint.component(part).ifPresent(component -> findings.accept(size(component)));
    }
  }

  /** Names and shapes were compared when the checkpoint was opened. */
  private static Finding size(Component component) {
    Map<Dtype, Integer> types = new EnumMap<>(Dtype.class);
    for (String name : component.network().shapes().keySet()) {
      component
          .tensors()
          .find(name)
          .map(TensorView::dtype)
          .ifPresent(type -> types.merge(type, 1, Integer::sum));
    }
    List<String> formats = new ArrayList<>();
    types.forEach((type, count) -> formats.add(count + " " + type));
    long parameters = component.network().parameters();
    String known = PublishedSizes.name(parameters).orElse(null);
    return Finding.estimated(
        component.part().title() + ": size",
        known != null,
        String.format(
            Locale.ROOT,
            "%,d numbers, %s tensors%s",
            parameters,
            String.join(", ", formats),
            known == null ? "" : ": " + known),
        "a published network's size");
  }
}
