package org.halfstep.attack;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.halfstep.device.Device;
import org.halfstep.device.Slab;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.files.Json;
import org.halfstep.latent.ClipModel;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.LatentOptions;
import org.halfstep.sample.ModelOptions;

/**
 * Latent models that nobody writes: a value of a configuration in place of another, tensors of
 * other types, shapes, names and numbers. Each is a model like any other, and makes a picture, or
 * is refused in one line; none takes a minute, leaves memory open, or fails in another way.
 */
final class LatentForgery {
  private static final long MOST_SECONDS = 120;
  private static final int LONGEST = 1500;
  private static final String REFUSED = "refused";

  /** Entries of one object or list that are changed: a vocabulary has thousands. */
  private static final int MOST_ENTRIES = 40;

  private static final List<String> VALUES =
      List.of(
          "null",
          "-1",
          "0",
          "1",
          "3",
          "7.5",
          "1e99",
          "1e-300",
          "2147483647",
          "2147483648",
          "9007199254740993",
          "true",
          "\"\"",
          "\"x\"",
          "\"../../..\"",
          "\"\\u001b[2J\"",
          "[]",
          "{}",
          "[0]",
          "[-1,1]",
          "[64,64,64,64,64,64,64,64,64,64]",
          "[[[[]]]]",
          "{\"x\":1}");

  /** What may be done to the tensors of a file. */
  private enum Change {
    NOT_A_NUMBER,
    INFINITE,
    HUGE,
    WHOLE_NUMBERS,
    FLAT,
    TURNED,
    NAMELESS,
    MISSING,
    ONE_MORE,
    ALL_ZEROS
  }

  private final Ground ground;
  private final Random random;

  LatentForgery(Ground ground, long seed) {
    this.ground = ground;
    this.random = new Random(seed);
  }

  /** Forges so many configurations, and each file of tensors in each way. */
  void attack(int configurations, Tally tally) throws IOException {
    List<Path> texts = new ArrayList<>();
    List<Path> tensors = new ArrayList<>();
    for (String folder : List.of("diffusers", "clip")) {
      try (Stream<Path> files = Files.walk(ground.tiny.resolve(folder))) {
        files
            .sorted()
            .forEach(
                file -> {
                  if (file.toString().endsWith(".json")) {
                    texts.add(ground.tiny.relativize(file));
                  } else if (file.toString().endsWith(".safetensors")) {
                    tensors.add(ground.tiny.relativize(file));
                  }
                });
      }
    }
    Path copy = ground.folder.resolve("forged");
    int accepted = 0;
    try (Device device = new CpuDevice(1)) {
      for (int i = 0; i < configurations; i++) {
        Path file = texts.get(random.nextInt(texts.size()));
        lay(copy);
        String what = file + " " + forge(copy.resolve(file));
        accepted += attempt(what, device, copy.resolve(file.getName(0)), tally);
      }
      for (Path file : tensors) {
        for (Change change : Change.values()) {
          lay(copy);
          change(copy.resolve(file), change);
          accepted += attempt(file + " " + change, device, copy.resolve(file.getName(0)), tally);
        }
      }
      for (Change change : Change.values()) {
        lay(copy);
        change(copy.resolve("style.safetensors"), change);
        String what = "style.safetensors " + change;
        accepted += attempt(what, device, copy.resolve("diffusers"), tally);
      }
    }
    tally.note(accepted + " were models like any other");
  }

  private void lay(Path copy) throws IOException {
    Ground.remove(copy);
    Ground.copy(ground.tiny.resolve("diffusers"), copy.resolve("diffusers"));
    Ground.copy(ground.tiny.resolve("clip"), copy.resolve("clip"));
    Files.copy(ground.updates, copy.resolve("style.safetensors"));
  }

  /** Puts a value in another's place, wherever in the file; says which. */
  private String forge(Path file) throws IOException {
    JsonNode root = Json.read(JsonNode.class, file);
    JsonNode at = root;
    StringBuilder place = new StringBuilder();
    JsonNode value = Json.parse(JsonNode.class, "value", VALUES.get(random.nextInt(VALUES.size())));
    while (true) {
      if (at instanceof ObjectNode object && !object.isEmpty()) {
        List<String> names = new ArrayList<>();
        object.fieldNames().forEachRemaining(names::add);
        String name = names.get(random.nextInt(Math.min(MOST_ENTRIES, names.size())));
        place.append('.').append(name);
        if (object.get(name).isContainerNode() && random.nextInt(3) > 0) {
          at = object.get(name);
          continue;
        }
        if (random.nextInt(6) == 0) {
          object.remove(name);
          place.append(" left out");
        } else {
          object.set(name, value);
          place.append('=').append(Json.text(value));
        }
      } else if (at instanceof ArrayNode list && !list.isEmpty()) {
        int index = random.nextInt(Math.min(MOST_ENTRIES, list.size()));
        list.set(index, value);
        place.append('[').append(index).append("]=").append(Json.text(value));
      } else {
        place.append(" (empty)");
      }
      Files.writeString(file, Json.text(root));
      return place.toString();
    }
  }

  private void change(Path file, Change change) throws IOException {
    List<NamedTensor> tensors = new ArrayList<>();
    try (SafetensorsFile open = SafetensorsFile.open(file)) {
      int chosen = random.nextInt(open.names().size());
      for (String name : open.names()) {
        TensorView view = open.tensor(name);
        if (chosen-- == 0) {
          changed(view, change).ifPresent(tensors::add);
        } else {
          tensors.add(new NamedTensor(name, view.dtype(), view.shape(), view.data()));
        }
      }
      if (change == Change.ONE_MORE) {
        tensors.add(NamedTensor.f32("one.more", new long[] {1}, 1));
      }
      SafetensorsWriter.write(file, tensors, open.metadata());
    }
  }

  private Optional<NamedTensor> changed(TensorView view, Change change) {
    float[] values = view.floats();
    long[] shape = view.shape();
    String name = view.name();
    switch (change) {
      case NOT_A_NUMBER -> values[values.length / 2] = Float.NaN;
      case INFINITE -> values[0] = Float.NEGATIVE_INFINITY;
      case HUGE -> Arrays.fill(values, 3e38f);
      case ALL_ZEROS -> Arrays.fill(values, 0);
      case WHOLE_NUMBERS -> {
        return Optional.of(NamedTensor.i64(name, shape, new long[values.length]));
      }
      case FLAT -> shape = new long[] {values.length};
      case TURNED -> {
        for (int i = 0; i < shape.length / 2; i++) {
          long first = shape[i];
          shape[i] = shape[shape.length - 1 - i];
          shape[shape.length - 1 - i] = first;
        }
      }
      case NAMELESS -> name = "";
      case MISSING -> {
        return Optional.empty();
      }
      default -> {
        // Another tensor is added.
      }
    }
    return Optional.of(NamedTensor.f32(name, shape, values));
  }

  /** Opens and uses it, in a thread that may be given up. */
  private int attempt(String what, Device device, Path model, Tally tally) {
    List<String> open = Slab.live();
    CompletableFuture<String> using =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                use(device, model);
                return "";
              } catch (Exception refused) {
                return problem(refused);
              } catch (Error broken) {
                return broken.toString();
              }
            },
            task -> Thread.ofPlatform().daemon().start(task));
    String said;
    try {
      said = using.get(MOST_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException | InterruptedException | ExecutionException hung) {
      said = "took more than " + MOST_SECONDS + " s";
    }
    boolean refused = said.equals(REFUSED);
    Optional<String> problem = said.isEmpty() || refused ? Optional.empty() : Optional.of(said);
    if (problem.isEmpty() && !Slab.live().equals(open)) {
      problem = Optional.of("left open: " + Slab.live());
    }
    tally.add(what, problem);
    return said.isEmpty() ? 1 : 0;
  }

  private static String problem(Exception refused) {
    String text = refused.getMessage();
    boolean said =
        text != null
            && text.length() < LONGEST
            && text.lines().count() == 1
            && text.chars().noneMatch(Character::isISOControl)
            && !text.contains("Exception")
            && (refused instanceof IOException
                || refused instanceof UncheckedIOException
                || refused instanceof IllegalArgumentException
                || refused.getClass().getName().startsWith("org.halfstep."));
    return said ? REFUSED : refused + " at " + refused.getStackTrace()[0];
  }

  private void use(Device device, Path model) throws IOException {
    if (model.endsWith("clip")) {
      try (ClipModel clip = ClipModel.open(device, model)) {
        clip.text("a fox");
      }
      return;
    }
    LatentOptions latent =
        LatentOptions.standard()
            .withUpdates(
                List.of(new LatentOptions.Update(model.resolveSibling("style.safetensors"), 0.5)));
    try (DiffusionModel opened =
        DiffusionModel.open(model, ModelOptions.standard().withDevice(device).withLatent(latent))) {
      opened.sample(opened.request("a fox").withSize(64, 64).withSteps(2).withGuidance(1));
    }
  }
}
