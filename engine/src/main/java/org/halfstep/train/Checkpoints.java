package org.halfstep.train;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.model.Network;
import org.halfstep.safetensors.AtomicFile;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;

/**
 * The checkpoints of a run: numbered folders, each with weights, moving average, optimizer state
 * and progress. One is written aside, forced to disk and renamed, so a folder with a number is
 * complete whatever killed the run. The newest two are kept.
 */
public final class Checkpoints {
  private static final String PREFIX = "checkpoint-";
  private static final String ASIDE = "writing-";
  private static final String WEIGHTS = "weights.safetensors";
  private static final String AVERAGE = "ema.safetensors";
  private static final String OPTIMIZER = "optimizer.safetensors";
  private static final String PROGRESS = "progress.json";
  private static final int KEPT = 2;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path folder;

  /** The checkpoints under a run's folder; what an interrupted writer left is removed. */
  public Checkpoints(Path runFolder) throws IOException {
    this.folder = runFolder.resolve("checkpoints");
    Files.createDirectories(folder);
    for (Path left : list(ASIDE)) {
      delete(left);
    }
  }

  /** Writes a checkpoint; when this returns it is on disk. */
  public void save(Progress progress, Network network, Optimizer optimizer) throws IOException {
    List<Path> known = list(PREFIX);
    long number = known.isEmpty() ? 1 : number(known.getLast()) + 1;
    Path aside = folder.resolve(ASIDE + number);
    Files.createDirectory(aside);
    network.save(aside.resolve(WEIGHTS), network.card(), Dtype.F32);
    if (optimizer.ema() != null) {
      network.save(aside.resolve(AVERAGE), network.card(), Dtype.F32, optimizer.ema());
    }
    try (Arena arena = Arena.ofConfined()) {
      SafetensorsWriter.write(
          aside.resolve(OPTIMIZER),
          List.of(
              slab(arena, "m", optimizer.firstMoment()),
              slab(arena, "v", optimizer.secondMoment())),
          Map.of());
    }
    byte[] json = JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(progress);
    AtomicFile.write(
        aside.resolve(PROGRESS),
        channel -> {
          ByteBuffer bytes = ByteBuffer.wrap(json);
          while (bytes.hasRemaining()) {
            channel.write(bytes);
          }
        });
    AtomicFile.forceFolder(aside);
    Files.move(aside, folder.resolve(name(number)), StandardCopyOption.ATOMIC_MOVE);
    AtomicFile.forceFolder(folder);
    List<Path> all = list(PREFIX);
    for (Path old : all.subList(0, Math.max(0, all.size() - KEPT))) {
      delete(old);
    }
  }

  private static NamedTensor slab(Arena arena, String name, ParameterSlab slab) {
    MemorySegment data = arena.allocate(slab.bytes(), Float.BYTES);
    slab.download(data);
    return NamedTensor.f32(name, new long[] {slab.floats()}, data);
  }

  /** Progress of the newest checkpoint, if there is one. */
  public Optional<Progress> latest() throws IOException {
    List<Path> known = list(PREFIX);
    if (known.isEmpty()) {
      return Optional.empty();
    }
    Path file = known.getLast().resolve(PROGRESS);
    try {
      return Optional.of(
          JSON.readValue(Files.readString(file, StandardCharsets.UTF_8), Progress.class));
    } catch (IOException e) {
      throw new IOException(
          file
              + ": is not readable as progress of a run; remove the folder to go on from the one before it",
          e);
    }
  }

  /** Loads the newest checkpoint into a network and its optimizer. */
  public void restore(Network network, Optimizer optimizer) throws IOException {
    Path newest = list(PREFIX).getLast();
    try (Network saved = Network.load(network.device(), newest.resolve(WEIGHTS))) {
      network.weights().copyFrom(saved.weights());
    }
    if (optimizer.ema() != null) {
      try (Network saved = Network.load(network.device(), newest.resolve(AVERAGE))) {
        optimizer.ema().copyFrom(saved.weights());
      }
    }
    try (SafetensorsFile file = SafetensorsFile.open(newest.resolve(OPTIMIZER))) {
      optimizer.firstMoment().upload(file.tensor("m").data());
      optimizer.secondMoment().upload(file.tensor("v").data());
    }
    optimizer.setUpdates(latest().orElseThrow().optimizerUpdates());
  }

  private static String name(long number) {
    return String.format("%s%08d", PREFIX, number);
  }

  private static long number(Path checkpoint) {
    return Long.parseLong(checkpoint.getFileName().toString().substring(PREFIX.length()));
  }

  private List<Path> list(String prefix) throws IOException {
    List<Path> found = new ArrayList<>();
    try (Stream<Path> entries = Files.list(folder)) {
      entries
          .filter(path -> path.getFileName().toString().startsWith(prefix))
          .sorted(Comparator.comparing(path -> path.getFileName().toString()))
          .forEach(found::add);
    }
    return found;
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> entries = Files.walk(folder)) {
      entries
          .sorted(Comparator.reverseOrder())
          .forEach(
              path -> {
                try {
                  Files.delete(path);
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
    }
  }
}
