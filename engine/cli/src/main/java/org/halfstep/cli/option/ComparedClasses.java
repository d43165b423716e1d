package org.halfstep.cli.option;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import org.halfstep.cli.console.InputException;
import org.halfstep.data.ClassNames;
import org.halfstep.data.ImageDataset;

/**
 * Generated images beside real ones of other classes: numbers that mean nothing. Where the real
 * images were chosen, a note says so; a default that does not suit the model is refused.
 */
public final class ComparedClasses {
  private ComparedClasses() {}

  /**
   * @param made the classes that a model makes; empty where it names none
   * @param folder of the real images
   * @param option that names other real images
   * @param chosen whether they were chosen
   * @throws InputException when the default lacks a class
   */
  public static void check(
      List<String> made,
      ImageDataset real,
      Path folder,
      String option,
      boolean chosen,
      PrintWriter out) {
    if (real.classNames().containsAll(made)) {
      return;
    }
    String difference =
        "the model makes "
            + ClassNames.list(made)
            + "; "
            + folder
            + " has "
            + ClassNames.list(real.classNames());
    if (!chosen) {
      throw new InputException(difference + ": name real images of these classes with " + option);
    }
    out.println("note: " + difference);
    out.flush();
  }
}
