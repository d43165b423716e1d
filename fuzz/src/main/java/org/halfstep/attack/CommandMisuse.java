package org.halfstep.attack;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Commands that cannot be meant: each is refused in one line, and soon. */
final class CommandMisuse {
  private static final String HUGE = "99999999999999999999";

  private final Program program;
  private final Ground ground;
  private final List<String[]> commands = new ArrayList<>();

  CommandMisuse(Program program, Ground ground) throws IOException {
    this.program = program;
    this.ground = ground;
    collect();
  }

  void attack(Tally tally) throws IOException {
    for (String[] command : commands) {
      tally.add(String.join(" ", command), program.run(command).unlessRefused());
    }
  }

  private void add(String... command) {
    commands.add(command);
  }

  private void collect() throws IOException {
    Path odd = Files.createDirectories(ground.folder.resolve("odd"));
    String model = ground.student.toString();
    String teacher = ground.teacher.toString();
    String samples = ground.samples.toString();
    String data = ground.data.toString();
    String classifier = ground.classifier.toString();
    add("smaple");
    add("sample", "--modle", model);
    add("sample", "extra", "--model", model);
    add("sample", "--model");
    add("sample", "--model", "");
    add("sample", "--model", odd.toString());
    add("sample", "--model", "/dev/null");
    add("sample", "--model", "/proc/self/mem");
    add("sample", "--model", samples);
    add("sample", "--model", classifier);
    add("sample", "--model", "fashion-mnist-3");
    for (String steps : List.of("0", "-1", "2.5", "1e3", HUGE, "NaN", "100001", "two")) {
      add("sample", "--model", teacher, "--steps", steps);
    }
    add("sample", "--model", model, "--steps", "7");
    for (String w : List.of("NaN", "Infinity", "-1", "1e30", "w", "1001")) {
      add("sample", "--model", teacher, "-w", w);
    }
    for (String labels :
        List.of("", ",", "10", "-1", "9-0", "0-99", "cat", "\"open", "0,,1x", HUGE)) {
      add("sample", "--model", model, "--labels", labels);
    }
    for (String count : List.of("0", "-5", HUGE, "2147483648", "10000001")) {
      add("sample", "--model", model, "--count", count);
    }
    add("sample", "--model", model, "--per-class", "2147483647");
    add("sample", "--model", model, "--first-image", "-1");
    add("sample", "--model", model, "--seed", "x");
    add("sample", "--model", model, "--sampler", "euler");
    add("sample", "--model", model, "--scale", "0");
    add("sample", "--model", model, "--scale", "1000000");
    add(
        "sample",
        "--model",
        model,
        "--count",
        "9000000",
        "--grid",
        odd.resolve("g.png").toString());
    add("sample", "--model", model, "--grid", odd.toString());
    add("sample", "--model", model, "--grid", "/proc/no/grid.png");
    add("sample", "--model", model, "--out", samples);
    add("sample", "--model", model, "--npz", odd + "/" + "n".repeat(300) + ".npz");
    add("sample", "--model", model, "--precision", "f8");
    add("sample", "--model", model, "--precision", "tf32", "--device", "cpu");
    add("sample", "--model", model, "--device", "tpu");
    add("sample", "--model", model, "--device", "cuda:99");
    add("sample", "--model", model, "--device", "cuda:-1");
    add("sample", "--model", model, "--conv", "fft");
    for (String threads : List.of("0", "-1", "8000", HUGE)) {
      add("sample", "--model", model, "--threads", threads);
    }
    add("train", "--data", "/nowhere");
    add("train", "--data", odd.toString());
    add("train", "--data", samples);
    add("train", "--data", data, "--preset", "huge");
    add("train", "--data", data, "--preset", "tiny", "--image-size", "9");
    add("train", "--data", data, "--preset", "tiny", "--image-size", "0");
    add("train", "--data", data, "--preset", "tiny", "--channels", "2");
    add("train", "--data", data, "--preset", "tiny", "--batch", "2147483647");
    add("train", "--data", data, "--preset", "tiny", "--batch", "0");
    add("train", "--data", data, "--preset", "tiny", "--lr", "-1");
    add("train", "--data", data, "--preset", "tiny", "--lr", "NaN");
    add("train", "--data", data, "--preset", "tiny", "--updates", "-3");
    add("train", "--data", data, "--preset", "tiny", "--checkpoint-every", "0");
    add("train", "--data", data, "--preset", "tiny", "--out", samples);
    for (String setting :
        List.of(
            "teacher",
            "=",
            "teacher.run.batch",
            "teacher.run.batch=",
            "teacher.run.batch=null",
            "teacher.run.batch=1e99",
            "teacher.network=1",
            "teacher.network.model_channels=8192",
            "teacher.network.num_res_blocks=1000000000",
            "teacher.network.channel_mult=[]",
            "teacher.network.channel_mult=[0,0]",
            "teacher.network.num_classes=11",
            "teacher.network.out_channels=3",
            "teacher.network.in_channels=3",
            "teacher.run.optimizer.beta1=1",
            "teacher.run.optimizer.emaDecay=2",
            "teacher.run.weighting=NONE",
            "teacher.labelDropout=7",
            "teacher.seed=1e400",
            "nobody.knows=1")) {
      add("train", "--data", data, "--preset", "tiny", "--set", setting);
    }
    add("train", "--data", data, "--config", "/nowhere.json");
    add("train", "--data", data, "--config", samples);
    add("distill", "--data", data, "--preset", "tiny", "--teacher", "/nowhere");
    add("distill", "--data", data, "--preset", "tiny", "--teacher", model);
    add("distill", "--data", data, "--preset", "tiny", "--teacher", classifier);
    add("distill", "--data", data, "--preset", "tiny", "--teacher", teacher, "--steps", "6");
    add(
        "distill",
        "--data",
        data,
        "--preset",
        "tiny",
        "--teacher",
        teacher,
        "--steps",
        "4",
        "--last-steps",
        "8");
    add("evaluate", "--images", "/nowhere");
    add("evaluate", "--images", samples, "--model", model);
    add("evaluate", "--images", samples, "--reference", data, "--classifier", model);
    add("evaluate", "--images", samples, "--reference", data, "--inception", classifier);
    add(
        "evaluate",
        "--images",
        samples,
        "--reference",
        data,
        "--classifier",
        classifier,
        "--samples",
        "41");
    add(
        "evaluate",
        "--model",
        model,
        "--reference",
        data,
        "--classifier",
        classifier,
        "--batch",
        "0");
    add(
        "evaluate",
        "--model",
        model,
        "--reference",
        data,
        "--classifier",
        classifier,
        "--samples",
        "1");
    add(
        "quantize",
        "--model",
        model,
        "--data",
        data,
        "--images",
        "0",
        "--out",
        odd.resolve("q").toString());
    add("quantize", "--model", classifier, "--data", data, "--out", odd.resolve("q").toString());
    add("convert", "--model", model, "--dtype", "f64", "--out", odd.resolve("e").toString());
    add("convert", "--model", model);
    add("report", "--models", model, "--rounds", "-1");
    add(
        "report",
        "--models",
        model + "," + model,
        "--data",
        data,
        "--out",
        odd.resolve("r").toString());
    add("report", "--redraw", "--out", odd.resolve("empty").toString());
    add("bench", "--model", model, "--seconds", "NaN");
    add("bench", "--model", model, "--batch", "1000000000");
    add("bench", "--model", model, "--seconds", "1e9");
    add("demo", "--per-class", "0");
    add("info", "--model", "nothing");
    add("help", "nothing");
  }
}
