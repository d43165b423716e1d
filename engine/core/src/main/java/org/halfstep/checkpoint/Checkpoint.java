package org.halfstep.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.files.DataException;
import org.halfstep.safetensors.Tensors;
import org.halfstep.text.ClipTokenizer;
import org.halfstep.text.Tokenizer;

/**
 * An open checkpoint of a latent diffusion model, or of one of its networks, in any published
 * layout: a folder of diffusers, the folder of one network, a single file of CompVis (safetensors
 * or PyTorch's), or a file of one network. Its networks have the names and shapes of diffusers, and
 * are mapped where the layout allows. What was chosen and passed over is said in {@link #notes}.
 */
public final class Checkpoint implements AutoCloseable {
  /** How a checkpoint lies on disk. */
  public enum Layout {
    /** A folder with one sub-folder for each network. */
    FOLDER,
    /** The folder of one network. */
    COMPONENT,
    /** All networks in one file. */
    SINGLE_FILE
  }

  /** Pixels of a latent in each direction, where a model does not say its own. */
  private static final int USUAL_SIDE = 64;

  /** Stable Diffusion 2 that predicts v is the one for 768 pixels. */
  private static final int SECOND_SIDE = 96;

  private static final int SECOND_CONTEXT = 1024;

  /** What the published folder of the inpainting network says, which was made for 64. */
  private static final int WRONG_SIDE = 32;

  private static final int LARGEST_SIDE = 1024;

  private final Path path;
  private final Layout layout;
  private final Map<Part, Component> components = new EnumMap<>(Part.class);
  private final List<Tensors> files = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private SchedulerConfig scheduler;
  private Path tokenizer;

  /** One that lies in no folder; null where {@link #tokenizer} says all. */
  private ClipTokenizer ownTokenizer;

  Checkpoint(Path path, Layout layout) {
    this.path = path;
    this.layout = layout;
  }

  /**
   * Opens a checkpoint and compares its configuration with its tensors.
   *
   * @throws IOException in one line that names the file and the key or tensor, when it is damaged,
   *     incomplete, of a kind that this engine does not run, or no checkpoint at all
   */
  public static Checkpoint open(Path path, CheckpointOptions options) throws IOException {
    if (Files.isDirectory(path)) {
      return FolderReader.open(path, options);
    }
    return SingleFileReader.open(path, options);
  }

  /**
   * A checkpoint of parts that are in memory or open elsewhere, to be written.
   *
   * @param path what it is, for error texts
   * @param components stay their owners', and open until it is written
   * @param scheduler null for none, as of one network alone
   * @param tokenizer folder of the tokenizer; null for none
   */
  public static Checkpoint assemble(
      Path path, Collection<Component> components, SchedulerConfig scheduler, Path tokenizer) {
    Checkpoint assembled = new Checkpoint(path, Layout.FOLDER);
    components.forEach(assembled::add);
    assembled.setScheduler(scheduler);
    assembled.setTokenizer(tokenizer);
    return assembled;
  }

  /**
   * Whether a path is a whole latent model, or is meant to be one: a folder, or a file with a
   * latent UNet under the prefix that it has beside other networks. Damaged files are not.
   */
  public static boolean matches(Path path) {
    if (Files.isDirectory(path)) {
      return true;
    }
    if (!Files.isRegularFile(path)) {
      return false;
    }
    try (Tensors file = TensorFiles.open(path)) {
      return file.names().stream().anyMatch(name -> name.startsWith(SingleFileNames.UNET));
    } catch (IOException damaged) {
      return false;
    }
  }

  /** What was opened. */
  public Path path() {
    return path;
  }

  /** How it lies on disk. */
  public Layout layout() {
    return layout;
  }

  /** Its networks. */
  public Map<Part, Component> components() {
    return Collections.unmodifiableMap(components);
  }

  /** One of its networks, if it has that. */
  public Optional<Component> component(Part part) {
    return Optional.ofNullable(components.get(part));
  }

  /** Its noise schedule and sampler, if it says them. */
  public Optional<SchedulerConfig> scheduler() {
    return Optional.ofNullable(scheduler);
  }

  /**
   * Rows and columns of a latent that its UNet was made for: what the configuration says, else what
   * is known of the published networks.
   */
  public int latentSide() {
    Component unet = components.get(Part.UNET);
    if (unet == null) {
      return USUAL_SIDE;
    }
    UNetDescription network = (UNetDescription) unet.network();
    boolean isSecond =
        network.context() == SECOND_CONTEXT
            && scheduler != null
            && scheduler.parameterization() == Parameterization.V;
    int side = unet.config().path("sample_size").asInt(isSecond ? SECOND_SIDE : USUAL_SIDE);
    if (network.inChannels() > network.outChannels() && side == WRONG_SIDE) {
      return USUAL_SIDE;
    }
    return Math.clamp(side, 1, LARGEST_SIDE);
  }

  /**
   * Tokens of what its UNet is conditioned by: one of a class, else those of the text encoder, or
   * of CLIP's where there is none.
   */
  public int tokens() {
    Component unet = components.get(Part.UNET);
    if (unet != null && ((UNetDescription) unet.network()).classRows() > 0) {
      return 1;
    }
    Component text = components.get(Part.TEXT_ENCODER);
    return text == null
        ? ClipTokenizer.LENGTH
        : ((TextEncoderDescription) text.network()).positions();
  }

  /** The folder of its tokenizer, if it has one. */
  public Optional<Path> tokenizer() {
    return Optional.ofNullable(tokenizer);
  }

  /**
   * Its tokenizer, if it has one, with the padding that its files name; where they name none, that
   * which the text encoder was trained with: 0 for OpenCLIP's, the end token for OpenAI's.
   *
   * @throws IOException in one line, when its files are damaged, or have more entries than the text
   *     encoder
   */
  public Optional<Tokenizer> openTokenizer() throws IOException {
    if (tokenizer == null && ownTokenizer == null) {
      return Optional.empty();
    }
    Component component = components.get(Part.TEXT_ENCODER);
    if (component == null) {
      return Optional.of(ownTokenizer == null ? ClipTokenizer.open(tokenizer) : ownTokenizer);
    }
    TextEncoderDescription text = (TextEncoderDescription) component.network();
    Tokenizer read =
        ownTokenizer != null && text instanceof TextDescription clip
            ? clip.padded(ownTokenizer)
            : text.openTokenizer(tokenizer);
    if (read.size() > text.vocabulary()) {
      throw new DataException(
          tokenizer == null ? path : tokenizer,
          "has "
              + read.size()
              + " entries, but the text encoder has a table of "
              + text.vocabulary()
              + ": they belong to different models");
    }
    return Optional.of(read);
  }

  /** Lines about what was chosen, and what was passed over. */
  public List<String> notes() {
    return List.copyOf(notes);
  }

  void note(String line) {
    notes.add(line);
  }

  /** Takes over a file, to be closed with this. */
  Tensors own(Tensors file) {
    files.add(file);
    return file;
  }

  void add(Component component) {
    components.put(component.part(), component);
  }

  void setScheduler(SchedulerConfig newScheduler) {
    scheduler = newScheduler;
  }

  void setTokenizer(Path folder) {
    tokenizer = folder;
  }

  void setTokenizer(ClipTokenizer known) {
    ownTokenizer = known;
  }

  @Override
  public void close() {
    files.forEach(Tensors::close);
  }
}
