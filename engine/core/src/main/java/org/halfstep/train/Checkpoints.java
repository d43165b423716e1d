package org.halfstep.train;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.halfstep.files.AtomicFile;
import org.halfstep.files.DataException;
import org.halfstep.files.FolderLock;
import org.halfstep.model.Trainable;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;

/**
 * The checkpoints of a run: numbered folders, each with weights, moving average, optimizer state
 * and progress. One is written aside, forced to disk and renamed, so a folder with a number is
 * complete whatever killed the run, and size and digest of each part are compared when it is read.
 * The newest two are kept. While this is open, no other run can use the folder.
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
  private static final Pattern COMPLETE = Pattern.compile(PREFIX + "[0-9]{1,18}");
  private static final Pattern INTERRUPTED = Pattern.compile(ASIDE + "[0-9]{1,18}");
  private static final String DAMAGED = "damaged-";
  private static final Pattern PARTIAL_MODEL =
      Pattern.compile("\\.(halfstep-.*|.*\\.safetensors\\..*)\\.partial");
  private static final int KEPT = 2;
  private final Path folder;
  private final FolderLock lock;

  /** All complete checkpoints, the newest last; no other process writes here. */
  private final List<Checkpoint> complete = new ArrayList<>();

  /**
   * The checkpoints under a run's folder; what an interrupted writer left there is removed.
   *
   * @throws IOException when the folder cannot be written or another run uses it
   */
  public Checkpoints(Path runFolder) throws IOException {
    this.folder = runFolder.resolve(FOLDER);
    this.lock =
        FolderLock.take(
            folder.resolve(LOCK),
            runFolder + ": another run is using this folder; wait for it or use another folder");
    try {
      for (Path left : list(folder, INTERRUPTED)) {
        delete(left);
      }
      for (Path left : list(runFolder, PARTIAL_MODEL)) {
        delete(left);
      }
      complete.addAll(complete(folder));
    } catch (IOException | RuntimeException failure) {
      lock.close();
      throw failure;
    }
  }

  /**
   * Writes a checkpoint; when this returns it is on disk.
   *
   * @throws IOException when it could not be written (a full disk, say); the checkpoints are then
   *     as they were before
   */
  public void save(Progress progress, Trainable network, Optimizer optimizer) throws IOException {
    long number = complete.isEmpty() ? 1 : complete.getLast().number() + 1;
    Path aside = folder.resolve(ASIDE + number);
    Path named = folder.resolve(String.format(Locale.ROOT, "%s%08d", PREFIX, number));
    boolean done = false;
    Files.createDirectory(aside);
    try {
      write(aside, progress, network, optimizer);
      Files.move(aside, named, StandardCopyOption.ATOMIC_MOVE);
      done = true;
    } finally {
      if (!done) {
        delete(aside);
      }
    }
    complete.add(new Checkpoint(named, number));
    AtomicFile.forceFolder(folder);
    while (complete.size() > KEPT) {
      // Under another name first: a numbered folder is complete even if this is interrupted.
      Checkpoint old = complete.getFirst();
      Path leaving = folder.resolve(ASIDE + old.number());
      Files.move(old.folder(), leaving, StandardCopyOption.ATOMIC_MOVE);
      complete.removeFirst();
      delete(leaving);
    }
  }

  private static void write(Path aside, Progress progress, Trainable network, Optimizer optimizer)
      throws IOException {
    List<String> parts = new ArrayList<>(List.of(WEIGHTS, OPTIMIZER));
    network.save(aside.resolve(WEIGHTS), network.weights());
    if (optimizer.ema() != null) {
      parts.add(AVERAGE);
      network.save(aside.resolve(AVERAGE), optimizer.ema());
    }
    for (MovingAverage average : optimizer.averages()) {
      parts.add(average(average));
      network.save(aside.resolve(average(average)), average.slab());
    }
    SafetensorsWriter.write(
        aside.resolve(OPTIMIZER),
        List.of(
            optimizer.firstMoment().tensor(FIRST_MOMENT),
            optimizer.secondMoment().tensor(SECOND_MOMENT)),
        Map.of());
    Checkpoint.write(aside, progress, parts);
    AtomicFile.forceFolder(aside);
  }

  private static String average(MovingAverage average) {
    return "ema-" + average.decay() + ".safetensors";
  }

  /**
   * Sets a damaged newest checkpoint aside when the one before it is whole.
   *
   * @return what was done, for people; empty when there was nothing to do
   * @throws IOException when the newest is damaged and there is no whole one before it
   */
  public Optional<String> dropDamaged() throws IOException {
    if (complete.isEmpty()) {
      return Optional.empty();
    }
    Checkpoint newest = complete.getLast();
    try {
      requireWhole(newest);
      return Optional.of("the newest checkpoint is whole, so the run continues from it");
    } catch (IOException damage) {
      return Optional.of(setAside(newest, damage));
    }
  }

  /**
   * Sets the newest checkpoint aside, which turned out to be damaged when it was read.
   *
   * @return what was done, for people
   * @throws IOException when there is no whole one before it
   */
  String dropNewest(DamagedCheckpointException damage) throws IOException {
    return setAside(complete.getLast(), (IOException) damage.getCause());
  }

  private String setAside(Checkpoint newest, IOException damage) throws IOException {
    Checkpoint previous = wholeBefore(newest).orElseThrow(() -> damaged(newest, damage));
    Path aside = folder.resolve(DAMAGED + newest.number());
    Files.move(newest.folder(), aside, StandardCopyOption.ATOMIC_MOVE);
    complete.remove(newest);
    AtomicFile.forceFolder(folder);
    return "going on from "
        + previous.folder()
        + "; the damaged one after it ("
        + damage.getMessage()
        + ") is kept as "
        + aside;
  }

  private static void requireWhole(Checkpoint checkpoint) throws IOException {
    checkpoint.progress();
    checkpoint.verify();
  }

  /** The checkpoint before one, if it is whole. */
  private Optional<Checkpoint> wholeBefore(Checkpoint newest) throws IOException {
    Optional<Checkpoint> previous =
        complete.stream()
            .filter(known -> known.number() < newest.number())
            .reduce((_, later) -> later);
    if (previous.isPresent()) {
      try {
        requireWhole(previous.get());
      } catch (IOException damaged) {
        return Optional.empty();
      }
    }
    return previous;
  }

  /**
   * Progress of the newest checkpoint, if there is one.
   *
   * @throws DamagedCheckpointException when the newest checkpoint is damaged
   */
  public Optional<Progress> latest() throws IOException {
    if (complete.isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(complete.getLast().progress());
    } catch (IOException damage) {
      throw damaged(complete.getLast(), damage);
    }
  }

  /**
   * Loads the newest checkpoint into a network and its optimizer.
   *
   * @return whether its parts were compared with what was written; not so where an older version
   *     wrote it
   * @throws DamagedCheckpointException when a part is damaged or not the one that was written
   */
  public boolean restore(Trainable network, Optimizer optimizer) throws IOException {
    Checkpoint newest = complete.getLast();
    try {
      boolean verified = newest.verify();
      network.restore(newest.folder().resolve(WEIGHTS), network.weights());
      if (optimizer.ema() != null) {
        network.restore(newest.folder().resolve(AVERAGE), optimizer.ema());
      }
      for (MovingAverage average : optimizer.averages()) {
        network.restore(newest.folder().resolve(average(average)), average.slab());
      }
      try (SafetensorsFile file = SafetensorsFile.open(newest.folder().resolve(OPTIMIZER))) {
        TensorView means = moment(file, FIRST_MOMENT, optimizer.firstMoment());
        TensorView squares = moment(file, SECOND_MOMENT, optimizer.secondMoment());
        requireNotNegative(file, squares);
        optimizer.firstMoment().upload(means.data());
        optimizer.secondMoment().upload(squares.data());
      }
      optimizer.setUpdates(newest.progress().optimizerUpdates());
      return verified;
    } catch (NoSuchFileException missing) {
      throw damaged(
          newest, new IOException(Path.of(missing.getFile()).getFileName() + " is missing"));
    } catch (IOException damage) {
      throw damaged(newest, damage);
    }
  }

  private static TensorView moment(SafetensorsFile file, String name, MomentSlab slab)
      throws IOException {
    TensorView tensor =
        file.find(name)
            .orElseThrow(() -> new DataException(file.path(), "tensor " + name + " is missing"));
    if (tensor.dtype() != slab.dtype()
        || !Arrays.equals(tensor.shape(), new long[] {slab.numbers()})
        || tensor.firstNotFinite() >= 0) {
      throw new DataException(
          file.path(),
          tensor + ": expected " + slab.numbers() + " finite numbers of " + slab.dtype());
    }
    return tensor;
  }

  /** Means of squares: a root would be taken of what is below zero. */
  private static void requireNotNegative(SafetensorsFile file, TensorView squares)
      throws DataException {
    for (long i = 0; i < squares.elements(); i++) {
      if (squares.floatAt(i) < 0) {
        throw new DataException(file.path(), squares + ": expected squares, found less than 0");
      }
    }
  }

  /**
   * What to throw when the newest checkpoint cannot be.
   *
   * @param problem what is wrong with it
   */
  DamagedCheckpointException damaged(String problem) throws IOException {
    return damaged(complete.getLast(), new IOException(problem));
  }

  private DamagedCheckpointException damaged(Checkpoint checkpoint, IOException damage) {
    String way = "there is no whole one before it: start again in another folder";
    try {
      Optional<Checkpoint> previous = wholeBefore(checkpoint);
      if (previous.isPresent()) {
        way =
            "the one before it, "
                + previous.get().folder().getFileName()
                + " at update "
                + previous.get().progress().update()
                + ", is whole: go on from that one with --from-previous";
      }
    } catch (IOException unreadable) {
      damage.addSuppressed(unreadable);
    }
    return new DamagedCheckpointException(
        checkpoint.folder() + ": the checkpoint is damaged (" + damage.getMessage() + "); " + way,
        damage);
  }

  /**
   * The weights that the newest checkpoint of a run would end with: their moving average where
   * there is one. The run may go on meanwhile.
   *
   * @return their file; empty when there is no checkpoint
   */
  public static Optional<Path> newestResult(Path runFolder) throws IOException {
    Path folder = runFolder.resolve(FOLDER);
    if (!Files.isDirectory(folder)) {
      return Optional.empty();
    }
    List<Checkpoint> known = complete(folder);
    if (known.isEmpty()) {
      return Optional.empty();
    }
    Path average = known.getLast().folder().resolve(AVERAGE);
    return Optional.of(Files.exists(average) ? average : known.getLast().folder().resolve(WEIGHTS));
  }

  /** All complete checkpoints of a folder, the newest last. */
  private static List<Checkpoint> complete(Path folder) throws IOException {
    return list(folder, COMPLETE).stream()
        .map(
            path ->
                new Checkpoint(
                    path, Long.parseLong(path.getFileName().toString().substring(PREFIX.length()))))
        .sorted(Comparator.comparingLong(Checkpoint::number).thenComparing(Checkpoint::folder))
        .toList();
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
    lock.close();
  }
}
