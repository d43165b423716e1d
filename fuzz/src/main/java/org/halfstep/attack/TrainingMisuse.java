package org.halfstep.attack;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Numbers from outside that cannot be meant, at every option of the commands that train on latents,
 * distill folders and change pictures, and paths that lead where they should not: each is refused
 * in one line, and leaves nothing behind.
 */
final class TrainingMisuse {
  /** An empty word, which cannot be told in a line that is split. */
  private static final String EMPTY = "''";

  private static final List<String> NO_COUNTS =
      List.of("0", "-1", "1.5", "NaN", "six", "2147483648", "99999999999999999999");
  private static final List<String> NO_LONG_COUNTS =
      List.of("0", "-1", "1.5", "NaN", "six", "99999999999999999999");
  private static final List<String> NO_NUMBERS =
      List.of("NaN", "-1", "Infinity", "1e400", "six", "");

  private static final String AUTOENCODER =
      "train-autoencoder --preset tiny --updates 1 --data SMALL --out ELSEWHERE";
  private static final String TRAIN =
      "train --preset tiny --updates 1 --data SMALL --autoencoder AUTOENCODER --out ELSEWHERE";
  private static final String DISTILL =
      "distill --preset tiny --updates 1 --data SMALL --image-size 64 --stages 1 --teacher LATENT"
          + " --out ELSEWHERE";
  private static final String EDIT = "edit --model LATENT --prompt fox --image PICTURE --steps 2";
  private static final String INPAINT =
      "inpaint --model INPAINTING --prompt fox --image PICTURE --mask MASK --steps 2";

  private final Program program;
  private final Ground ground;
  private final Map<String, String[]> commands = new LinkedHashMap<>();

  TrainingMisuse(Program program, Ground ground) throws IOException {
    this.program = program;
    this.ground = ground;
    for (String command : List.of(AUTOENCODER, TRAIN, DISTILL)) {
      each(command, "--batch", NO_COUNTS);
      each(command, "--checkpoint-every", NO_LONG_COUNTS);
      each(command, "--updates", NO_LONG_COUNTS);
      each(command, "--updates", List.of("1000000000001"));
      each(command, "--lr", NO_NUMBERS);
      each(command, "--seed", List.of("1.5", "NaN", "99999999999999999999"));
      each(command, "--image-size", NO_COUNTS);
      each(command, "--precision", List.of("f16", "int8", ""));
      each(command, "--threads", NO_COUNTS);
      each(command, "--preset", List.of("nobody", "../tiny", ""));
      each(command, "--set", List.of("x", "x=1", "=", "nobody.seed=1"));
      each(command, "--config", List.of("/dev/zero", "/dev/null", "/nowhere", "PICTURE"));
      each(command, "--data", List.of("/dev/zero", "/dev/null", "/nowhere", "PICTURE", "LATENT"));
      each(command, "--out", List.of("/dev/null", "/proc/run", "PICTURE", ""));
    }
    settings();
    each(AUTOENCODER, "--from", List.of("/dev/zero", "/nowhere", "PICTURE", "LATENT"));
    each(TRAIN, "--autoencoder", List.of("/dev/zero", "/nowhere", "PICTURE", "SMALL"));
    each(TRAIN, "--latents", List.of("/dev/zero", "/proc/l", "PICTURE", "SMALL"));
    each(TRAIN, "--from", List.of("/dev/zero", "/nowhere", "PICTURE", "AUTOENCODER"));
    each(TRAIN, "--channels", NO_COUNTS);
    each(DISTILL, "--teacher", List.of("/dev/zero", "/nowhere", "PICTURE", "AUTOENCODER", "SMALL"));
    each(DISTILL, "--latents", List.of("/dev/zero", "/proc/l", "PICTURE", "SMALL"));
    each(
        DISTILL,
        "--stages",
        List.of("0", "-1", "", ",", "1,2", "8,2", "1.5", "x", "4,2,1,", "99999999999999999999"));
    each(
        DISTILL,
        "--guidance-range",
        List.of("", "2", "5,2", "-1,2", "NaN,2", "2,1e9", "2,Infinity", "2,3,4", "x,y"));
    each(DISTILL, "--memory", List.of("0M", "-1M", "NaN", "1", "1e3G"));
    for (String command : List.of(EDIT, INPAINT)) {
      each(command, "--count", NO_COUNTS);
      each(command, "--first-image", List.of("-1", "1.5", "99999999999999999999"));
      each(command, "--seed", List.of("1.5", "NaN", "99999999999999999999"));
      each(command, "--steps", NO_COUNTS);
      each(command, "-w", List.of("NaN", "-1", "Infinity", "1e30", "six"));
      each(command, "--size", List.of("0x0", "64", "63x64", "99999x99999", "64x-64", ""));
      each(command, "--strength", List.of("0", "-1", "1.01", "NaN", "1e-9", "six"));
      each(command, "--end", List.of("nowhere", ""));
      each(command, "--noise", List.of("dice", ""));
      each(command, "--memory", List.of("0M", "-1M", "NaN", "1", "1e3G"));
      each(command, "--beside", List.of("/proc/b.png", "SMALL", ""));
    }
    each(EDIT, "--strip", List.of("/proc/b.png", "SMALL", ""));
    each(INPAINT, "--feather", List.of("-1", "257", "1.5", "NaN", "99999999999999999999"));
  }

  /** Settings by name, of what trains on latents. */
  private void settings() throws IOException {
    for (String setting :
        List.of(
            "autoencoder.batch=0",
            "autoencoder.batch=99999999999",
            "autoencoder.learningRate=NaN",
            "autoencoder.learningRate=-1",
            "autoencoder.divergence=-1",
            "autoencoder.divergence=NaN",
            "autoencoder.scales=99",
            "autoencoder.edges=-1",
            "autoencoder.optimizer.beta1=1",
            "autoencoder.optimizer.emaDecay=2",
            "autoencoder.optimizer=null",
            "autoencoder.nobody=1")) {
      add(AUTOENCODER + " --set " + setting);
    }
    for (String setting :
        List.of(
            "latentTeacher.run.batch=0",
            "latentTeacher.captionDropout=1.5",
            "latentTeacher.captionDropout=NaN",
            "latentTeacher.run=null",
            "latentTeacher.merges=-1",
            "latentTeacher.merges=99999999",
            "latentTeacher.nobody=1")) {
      add(TRAIN + " --set " + setting);
    }
    for (String setting :
        List.of(
            "latentDistillation.students.halving.batch=0",
            "latentDistillation.students.guidance.min=20",
            "latentDistillation.students.guidance.max=NaN",
            "latentDistillation.masks=0",
            "latentDistillation.masks=99999999",
            "latentDistillation.nobody=1")) {
      add(DISTILL + " --set " + setting);
    }
  }

  /** A command that would be right with each value of an option that is not. */
  private void each(String command, String option, List<String> values) throws IOException {
    // Given twice it would be refused for that.
    String without = command.replaceAll(" " + option + " \\S+", "");
    for (String value : values) {
      add(without + " " + option + " " + (value.isEmpty() ? EMPTY : value));
    }
  }

  private void add(String line) throws IOException {
    String[] words = ground.words(line);
    for (int i = 0; i < words.length; i++) {
      words[i] = words[i].equals(EMPTY) ? "" : words[i];
    }
    commands.put(line, words);
  }

  void attack(Tally tally) throws IOException {
    for (Map.Entry<String, String[]> command : commands.entrySet()) {
      Ground.remove(ground.folder.resolve("elsewhere"));
      tally.add(command.getKey(), program.run(command.getValue()).unlessRefused());
    }
  }
}
