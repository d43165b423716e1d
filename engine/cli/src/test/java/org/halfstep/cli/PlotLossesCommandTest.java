package org.halfstep.cli;

import static org.halfstep.cli.Commands.refused;
import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A picture of losses from one command. */
class PlotLossesCommandTest {
  private static final String HEADER = "phase,update,loss,learning_rate,gradient_norm,seconds\n";

  @TempDir Path folder;

  private Path run(String name, String rows) throws IOException {
    Path run = Files.createDirectory(folder.resolve(name));
    Files.writeString(run.resolve("losses.csv"), HEADER + rows);
    return run;
  }

  @Test
  void oneRunIsDrawnIntoItsFolder() throws IOException {
    Path run = run("run", "teacher,10,0.5,0.001,1.0,1.5\nteacher,1020,0.25,0.001,1.0,2.5\n");
    String said = succeeds("plot-losses", run);
    assertTrue(said.contains(run + ": teacher, update 1,020, loss 0.2500"), said);
    BufferedImage picture = ImageIO.read(run.resolve("losses.png").toFile());
    assertEquals(900, picture.getWidth());
  }

  @Test
  void severalGoIntoOnePicture() throws IOException {
    Path one = run("one", "teacher,10,0.5,0.001,1.0,1.5\n");
    Path two = run("two", "stage one: guidance,10,NaN,0.001,1.0,1.5\n");
    assertTrue(refused("plot-losses", one, two).contains("name it with --out"));
    Path both = folder.resolve("both.png");
    succeeds("plot-losses", one, two, "--out", both);
    assertTrue(Files.exists(both));
  }

  @Test
  void whatIsNoRunIsRefused() throws IOException {
    assertTrue(refused("plot-losses", folder).contains("losses.csv: there is no such file"));
    assertTrue(refused("plot-losses", run("empty", "")).contains("has no rows yet"));
    assertTrue(refused("plot-losses", run("odd", "a,b\n")).contains("line 2: expected phase,"));
  }
}
