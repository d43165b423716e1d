package org.halfstep.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.TextTable;
import org.halfstep.device.DataType;
import org.halfstep.device.WeightChoice;
import org.halfstep.graph.WeightBudget;

/** What each layer of a network takes once its weights are packed, and why. */
final class WeightTable {
  private static final double MIB = 1 << 20;

  private WeightTable() {}

  /** Prints one row for each convolution that had a choice, and what all weights take together. */
  static void print(PrintWriter out, WeightBudget budget) {
    if (!budget.layers().isEmpty()) {
      TextTable table = new TextTable("convolution", "computed by", "MiB", "ms", "because");
      for (WeightBudget.Layer layer : budget.layers()) {
        WeightChoice choice = layer.choice();
        table.row(
            layer.layer(),
            name(choice),
            Sizes.decimal(choice.bytes() / MIB),
            Sizes.decimal(choice.milliseconds()),
            reason(layer));
      }
      table.print(out);
      out.println(
          "ms: expected for an image and evaluation, the mean of one alone and of eight together");
    }
    long choices = budget.layers().stream().mapToLong(layer -> layer.choice().bytes()).sum();
    out.println(
        "weights: "
            + (choices == 0 ? "" : Sizes.bytes(choices) + " of these convolutions, ")
            + Sizes.bytes(budget.bytes() - choices)
            + " of all other layers, "
            + Sizes.bytes(budget.bytes())
            + " altogether; "
            + Sizes.bytes(budget.limit())
            + " are allowed (--memory)");
    if (budget.bytes() > budget.limit()) {
      out.println("these are the smallest forms there are: nothing takes less");
    }
  }

  /** What the weights take in their file, by type. */
  static String stored(Map<DataType, Long> bytes) {
    return bytes.entrySet().stream()
        .map(each -> Sizes.bytes(each.getValue()) + " in " + type(each.getKey()))
        .collect(Collectors.joining(", "));
  }

  private static String reason(WeightBudget.Layer layer) {
    if (!layer.isSmaller()) {
      return "the fastest";
    }
    WeightChoice wished = layer.wished();
    return "memory: "
        + name(wished)
        + " takes "
        + Sizes.decimal(wished.bytes() / MIB)
        + " MiB, "
        + Sizes.decimal(wished.milliseconds())
        + " ms";
  }

  private static String name(WeightChoice choice) {
    String algorithm =
        switch (choice.algorithm()) {
          case WINOGRAD4 -> "F(4x4)";
          case WINOGRAD2 -> "F(2x2)";
          case DIRECT -> "direct sums";
          case FASTEST -> throw new IllegalStateException("a choice is one algorithm");
        };
    return switch (choice.form()) {
      case PACKED -> algorithm;
      case TAPS -> algorithm + " of " + type(choice.type()) + " taps";
      case STORED -> algorithm + " of " + type(choice.type()) + " in the file";
    };
  }

  private static String type(DataType type) {
    return type.name().toLowerCase(Locale.ROOT);
  }
}
