package org.halfstep.cli;

import java.util.List;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.InputException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Unmatched;

/** What {@link ConvertCommand} was called in 0.2.0; says so, for one release. */
@Command(name = "export", hidden = true, description = "Is now called convert.")
final class ExportCommand implements Callable<Integer> {
  @Unmatched private List<String> options;

  @Override
  public Integer call() {
    throw new InputException(
        "export is now convert, with the same options; without --dtype it keeps the number format:"
            + " halfstep convert "
            + (options == null
                ? "--model MODEL --dtype bf16 --out FILE"
                : String.join(" ", options)));
  }
}
