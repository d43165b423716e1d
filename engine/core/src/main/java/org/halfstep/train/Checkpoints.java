package org.halfstep.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.halfstep.files.AtomicFile;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.model.Trainable;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;

/**
 * The checkpoints of a run: numbered folders, each with weights, moving average, optimizer state
 * and progress. One is written aside, forced to disk and renamed, so a folder with a number is
 * complete whatever killed the run. The newest two are kept. While this is open, no other run can
 * use the folder.
 */
public final class Checkpoints implements AutoCloseable {
  private static final String FOLDER = "checkpoints";
  private static final String PREFIX = "checkpoint-";
  private static final String ASIDE = "writing-";
  private static final String LOCK = "lock";
  private static final String WEIGHTS = "weights.safetensors";
  private static final String AVERAGE = "ema.safetensors";
  private static final String OPTIMIZER = "optimizer.safetensors";
  private static final String FIRST_MOMENT = "m";
  private static final String SECOND_MOMENT = "v";
  private static final String PROGRESS = "progress.json";
  private static final Pattern COMPLETE = Pattern.compile(PREFIX + "[0-9]{1,18}");
  private static final Pattern INTERRUPTED = Pattern.compile(ASIDE + "[0-9]{1,18}");
  private static final Pattern PARTIAL_MODEL =
      Pattern.compile("\\.(halfstep-.*|.*\\.safetensors\\..*)\\.partial");
  private static final int KEPT = 2;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path folder;
  private final FileChannel lockFile;

  /**
   * The checkpoints under a run's folder; what an interrupted writer left there is removed.
   *
   * @throws IOException when the folder cannot be written or another run uses it
   */
  public Checkpoints(Path runFolder) throws IOException {
    this.folder = runFolder.resolve(FOLDER);
    Files.createDirectories(folder);
    this.lockFile = lock(runFolder, folder.resolve(LOCK));
    try {
      for (Path left : list(folder, INTERRUPTED)) {
        delete(left);
      }
      for (Path left : list(runFolder, PARTIAL_MODEL)) {
        Files.delete(left);
      }
    } catch (IOException | RuntimeException failure) {
      lockFile.close();
      throw failure;
    }
  }

  // The system gives the lock back when the process ends, however it ends.
  private static FileChannel lock(Path runFolder, Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    FileLock lock = null;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException taken) {
      // Another run of this process has it.
    } finally {
      if (lock == null) {
        channel.close();
      }
    }
    if (lock == null) {
      throw new IOException(
          runFolder + ": another run is using this folder; wait for it or use another folder");
    }
    return channel;
  }

  /**
   * Writes a checkpoint; when this returns it is on disk.
   *
   * @throws IOException when it could not be written (a full disk, say); the checkpoints are then
   *     as they were before
   */
  public void save(Progress progress, Trainable network, Optimizer optimizer) throws IOException {
    List<Path> known = list(folder, COMPLETE);
    long number = known.isEmpty() ? 1 : number(known.getLast()) + 1;
    Path aside = folder.resolve(ASIDE + number);
    boolean done = false;
    Files.createDirectory(aside);
    try {
      write(aside, progress, network, optimizer);
      Files.move(
          aside,
          folder.resolve(String.format(Locale.ROOT, "%s%08d", PREFIX, number)),
          StandardCopyOption.ATOMIC_MOVE);
      done = true;
    } finally {
      if (!done) {
        delete(aside);
      }
    }
    AtomicFile.forceFolder(folder);
    List<Path> all = list(folder, COMPLETE);
    for (Path old : all.subList(0, Math.max(0, all.size() - KEPT))) {
      // Under another name first: a numbered folder is complete even if this is interrupted.
      Path leaving = folder.resolve(ASIDE + number(old));
      Files.move(old, leaving, StandardCopyOption.ATOMIC_MOVE);
      delete(leaving);
    }
  }

  private static void write(Path aside, Progress progress, Trainable network, Optimizer optimizer)
      throws IOException {
    network.save(aside.resolve(WEIGHTS), network.weights());
    if (optimizer.ema() != null) {
      network.save(aside.resolve(AVERAGE), optimizer.ema());
    }
    try (Arena arena = Arena.ofConfined()) {
      SafetensorsWriter.write(
          aside.resolve(OPTIMIZER),
          List.of(
              slab(arena, FIRST_MOMENT, optimizer.firstMoment()),
              slab(arena, SECOND_MOMENT, optimizer.secondMoment())),
          Map.of());
    }
    byte[] json = JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(progress);
    AtomicFile.write(aside.resolve(PROGRESS), json);
    AtomicFile.forceFolder(aside);
  }

  private static NamedTensor slab(Arena arena, String name, ParameterSlab slab) {
    MemorySegment data = arena.allocate(slab.bytes(), Float.BYTES);
    slab.download(data);
    return NamedTensor.f32(name, new long[] {slab.floats()}, data);
  }

  /**
   * Progress of the newest checkpoint, if there is one.
   *
   * @throws IOException with one line when the newest checkpoint is damaged
   */
  public Optional<Progress> latest() throws IOException {
    List<Path> known = list(folder, COMPLETE);
    if (known.isEmpty()) {
      return Optional.empty();
    }
    Path newest = known.getLast();
    try {
      Progress progress =
          JSON.readValue(Files.readAllBytes(newest.resolve(PROGRESS)), Progress.class);
      if (progress == null) {
        throw damaged(newest, PROGRESS + " is empty", null);
      }
      return Optional.of(progress);
    } catch (JsonProcessingException e) {
      throw damaged(newest, PROGRESS + " is not the progress of a run", e);
    } catch (NoSuchFileException e) {
      throw damaged(newest, PROGRESS + " is missing", e);
    }
  }

  /**
   * Loads the newest checkpoint into a network and its optimizer.
   *
   * @throws IOException with one line when the checkpoint is damaged
   */
  public void restore(Trainable network, Optimizer optimizer) throws IOException {
    Path newest = list(folder, COMPLETE).getLast();
    long updates = latest().orElseThrow().optimizerUpdates();
    try {
      network.restore(newest.resolve(WEIGHTS), network.weights());
      if (optimizer.ema() != null) {
        network.restore(newest.resolve(AVERAGE), optimizer.ema());
      }
      try (SafetensorsFile file = SafetensorsFile.open(newest.resolve(OPTIMIZER))) {
        optimizer.firstMoment().upload(file.tensor(FIRST_MOMENT).data());
        optimizer.secondMoment().upload(file.tensor(SECOND_MOMENT).data());
      }
    } catch (NoSuchFileException e) {
      throw damaged(newest, Path.of(e.getFile()).getFileName() + " is missing", e);
    } catch (IOException | IllegalArgumentException | NoSuchElementException e) {
      throw damaged(newest, e.getMessage(), e);
    }
    optimizer.setUpdates(updates);
  }

  private static IOException damaged(Path checkpoint, String problem, Exception cause) {
    return new IOException(
        checkpoint
            + ": the checkpoint is damaged ("
            + problem
            + "); remove this folder to go on from the one before it",
        cause);
  }

  private static long number(Path checkpoint) {
    String name = checkpoint.getFileName().toString();
    return Long.parseLong(name.substring(name.indexOf('-') + 1));
  }

  private static List<Path> list(Path folder, Pattern names) throws IOException {
    List<Path> found = new ArrayList<>();
    try (Stream<Path> entries = Files.list(folder)) {
      entries
          .filter(path -> names.matcher(path.getFileName().toString()).matches())
          .sorted(Comparator.comparing(path -> path.getFileName().toString()))
          .forEach(found::add);
    }
    return found;
  }

  private static void delete(Path folder) throws IOException {
    Files.walkFileTree(
        folder,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path visited, IOException failure)
              throws IOException {
            if (failure != null) {
              throw failure;
            }
            Files.delete(visited);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  /** Lets another run use the folder. */
  @Override
  public void close() {
    try {
      lockFile.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
