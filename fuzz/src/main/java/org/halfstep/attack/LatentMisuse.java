package org.halfstep.attack;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Commands for latent models that cannot be meant: each is refused in one line, and soon. */
final class LatentMisuse {
  private static final String HUGE = "99999999999999999999";

  private final Program program;
  private final List<String[]> commands = new ArrayList<>();
  private final String model;
  private final String inpainting;
  private final String picture;
  private final String mask;
  private final String odd;

  LatentMisuse(Program program, Ground ground) throws IOException {
    this.program = program;
    model = ground.tiny.resolve("diffusers").toString();
    inpainting = ground.tiny.resolve("inpainting").toString();
    picture = ground.picture.toString();
    mask = ground.mask.toString();
    odd = Files.createDirectories(ground.folder.resolve("odd")).toString();
    Path pipe = ground.folder.resolve("odd/pipe");
    if (!Files.exists(pipe)) {
      new ProcessBuilder("mkfifo", pipe.toString()).start().onExit().join();
    }
    requests();
    paths(ground, pipe.toString());
    edits(ground);
    conversions(ground);
    others(ground, pipe.toString());
  }

  void attack(Tally tally) throws IOException {
    for (String[] command : commands) {
      Program.Ended ended = program.run(command);
      // The doctor's answers are what was asked for, also where one is that this is no model.
      boolean answered = command[0].equals("doctor") && ended.out().contains("something is wrong");
      tally.add(
          shortened(String.join(" ", command)),
          answered ? ended.unlessStopped() : ended.unlessRefused());
    }
  }

  private static String shortened(String text) {
    return text.length() > 300 ? text.substring(0, 300) + "…" : text;
  }

  private void add(String... command) {
    commands.add(command);
  }

  /** A sample that would be right, and options that are not. */
  private void sample(String... more) {
    List<String> all = new ArrayList<>(List.of("sample", "--model", model, "--prompt", "a fox"));
    all.addAll(Arrays.asList(more));
    add(all.toArray(String[]::new));
  }

  private void requests() {
    add("sample", "--model", model);
    for (String size :
        List.of("", "x", "64", "64x", "0x64", "64x0", "63x64", "7x7", "16384x16384", "99999x8")) {
      sample("--size", size);
    }
    sample("--size", "64x64x64");
    sample("--size", "64x-64");
    sample("--labels", "0");
    sample("--labels", "all");
    for (String w : List.of("NaN", "-1", "1e30", "-Infinity", "six")) {
      sample("-w", w);
    }
    for (String steps : List.of("0", "-1", "1001", HUGE, "1.5")) {
      sample("--steps", steps);
    }
    for (String count : List.of("0", "-5", HUGE, "10000001")) {
      sample("--count", count);
    }
    for (String skip : List.of("0", "-1", "99", "x", HUGE)) {
      sample("--clip-skip", skip);
    }
    sample("--sampler", "magic");
    sample("--sampler", "ddim", "--spacing", "random");
    sample("--noise", "dice");
    sample("--prediction", "x");
    sample("--variant", "../..");
    sample("--variant", "");
    sample("--first-image", "-1");
    sample("--first-image", HUGE);
    sample("--npz", odd + "/a.npz", "--grid", odd + "/a.png");
    sample("--grid", odd);
    sample("--grid", "/proc/a.png");
    sample("--out", picture);
    sample("--memory", "-1");
    sample("--memory", "NaN");
    sample("--precision", "f8");
  }

  private void paths(Ground ground, String pipe) {
    for (String path :
        List.of(pipe, "/dev/zero", "/dev/null", odd, "/nowhere", ground.samples.toString(), "")) {
      sample("--lora", path);
      sample("--tokenizer", path);
      add("sample", "--model", path, "--prompt", "x", "--size", "64x64");
      add("edit", "--model", model, "--prompt", "x", "--image", path);
      add("inpaint", "--model", model, "--prompt", "x", "--image", picture, "--mask", path);
      add("doctor", path);
      add("doctor", model, "--image", path);
    }
    for (String scale : List.of("NaN", "1e9", "Infinity", "-Infinity", "x", "", "-101")) {
      sample("--lora", ground.updates + ":" + scale);
    }
    sample("--lora", ground.student.toString());
    sample("--lora", model);
    sample("--lora", ground.tiny.resolve("tiny-bf16.safetensors").toString());
  }

  private void edits(Ground ground) {
    for (String strength : List.of("0", "-1", "1.01", "NaN", "Infinity", "x", "1e-9")) {
      add(
          "edit",
          "--model",
          model,
          "--prompt",
          "x",
          "--image",
          picture,
          "--strength",
          strength,
          "--steps",
          "4");
    }
    for (String feather : List.of("-1", "257", "NaN", HUGE)) {
      add(
          "inpaint",
          "--model",
          inpainting,
          "--prompt",
          "x",
          "--image",
          picture,
          "--mask",
          mask,
          "--feather",
          feather);
    }
    add("edit", "--model", model, "--prompt", "x");
    add("edit", "--model", model, "--image", picture);
    add("edit", "--model", inpainting, "--prompt", "x", "--image", picture);
    add("edit", "--model", ground.student.toString(), "--prompt", "x", "--image", picture);
    add("edit", "--model", model, "--prompt", "x", "--image", picture, "--size", "9999x9999");
    add("edit", "--model", model, "--prompt", "x", "--image", picture, "--labels", "0");
    add("inpaint", "--model", model, "--prompt", "x", "--image", picture);
    add("inpaint", "--model", model, "--prompt", "x", "--mask", mask);
  }

  private void conversions(Ground ground) {
    add("convert", "--tiny", picture);
    add("convert", "--tiny", odd + "/t", "--model", model);
    add("convert", "--tiny", "/proc/t");
    add("convert", "--tiny", "/dev/null");
    add("convert", "--model", model, "--out", model);
    add("convert", "--model", model, "--out", odd);
    add("convert", "--model", model, "--out", "/proc/m.safetensors");
    add("convert", "--model", model, "--out", odd + "/a.ckpt", "--shards", "1");
    for (String shards : List.of("0", "-1", HUGE, "x", "1048577")) {
      add("convert", "--model", model, "--out", odd + "/a", "--shards", shards);
    }
    for (String variant : List.of("../x", "a/b", "", ".", "n".repeat(300))) {
      add("convert", "--model", model, "--out", odd + "/b", "--out-variant", variant);
    }
    add("convert", "--model", model, "--out", odd + "/c", "--tokenizer", "/nowhere");
    add("convert", "--model", model, "--out", odd + "/d", "--dtype", "f64");
    add("convert", "--model", ground.updates.toString(), "--out", odd + "/e");
    add("convert", "--model", picture, "--out", odd + "/f");
  }

  private void others(Ground ground, String pipe) {
    String samples = ground.samples.toString();
    String clip = ground.tiny.resolve("clip").toString();
    String captions = ground.captions.toString();
    for (String path : List.of(pipe, "/dev/zero", odd, "/nowhere", samples, picture)) {
      add("evaluate", "--images", samples, "--clip", clip, "--captions", path);
      add("evaluate", "--images", samples, "--captions", captions, "--clip", path);
    }
    add("evaluate", "--images", samples, "--captions", captions);
    add("evaluate", "--images", samples, "--clip", clip);
    add("evaluate", "--images", samples, "--captions", captions, "--clip", model);
    add("doctor");
    add("doctor", ground.student.toString());
    add("doctor", model, "--reference", "mona-lisa");
    add("doctor", model, "extra");
    add("quantize", "--model", model, "--data", ground.data.toString(), "--out", odd + "/q");
    add("distill", "--teacher", model, "--data", ground.data.toString(), "--preset", "tiny");
    add("report", "--models", model, "--data", ground.data.toString(), "--out", odd + "/r");
    add("demo", "--models", model);
  }
}
