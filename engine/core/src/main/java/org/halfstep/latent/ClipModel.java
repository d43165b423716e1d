package org.halfstep.latent;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.halfstep.checkpoint.ClipCheckpoint;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Owned;
import org.halfstep.files.FileDigest;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Value;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.model.TensorNames;
import org.halfstep.text.TokenSequence;

/**
 * A whole CLIP: images and texts in, embeddings of one space out, whose cosines say how well an
 * image agrees with a text. Not for use by several threads at once.
 */
public final class ClipModel implements JointEmbedding {
  private final Owned owned = new Owned();
  private final Device device;
  private final ClipCheckpoint checkpoint;
  private final String sha256;
  private final Plan text;
  private final HostView ids;
  private final HostView end;
  private final HostView textOut;
  private final Plan image;
  private final HostView pixels;
  private final HostView imageOut;

  private ClipModel(Device device, ClipCheckpoint opened) throws IOException {
    this.device = device;
    this.checkpoint = owned.add(opened);
    try {
      sha256 = FileDigest.sha256(opened.weights());
      ComponentCard card = new ComponentCard("CLIP", Map.of("file", opened.weights().toString()));
      ClipTextConfig texts = new ClipTextConfig(opened.text(), 0, opened.embedding());
      Network<ClipTextConfig, ComponentCard> textNetwork =
          owned.add(
              Network.open(
                  device,
                  texts,
                  card,
                  opened.textTensors(),
                  texts.names(),
                  Network.DEFAULT_MEMORY));
      text = plan(textNetwork);
      ClipTextPorts textPorts = texts.ports(textNetwork.graph());
      ids = view(text, textPorts.ids());
      end = view(text, textPorts.end());
      textOut = view(text, textPorts.out());
      ClipImageConfig images = new ClipImageConfig(opened.image(), opened.embedding());
      Network<ClipImageConfig, ComponentCard> imageNetwork =
          owned.add(
              Network.open(
                  device,
                  images,
                  card,
                  opened.imageTensors(),
                  TensorNames.OWN,
                  Network.DEFAULT_MEMORY));
      image = plan(imageNetwork);
      ClipImagePorts imagePorts = images.ports(imageNetwork.graph());
      pixels = view(image, imagePorts.x());
      imageOut = view(image, imagePorts.out());
      HostView token = view(image, imagePorts.token());
      token.memory().set(ValueLayout.JAVA_INT, 0, 0);
      token.push();
    } catch (Throwable failure) {
      owned.close();
      throw failure;
    }
  }

  private Plan plan(Network<?, ?> network) {
    Plan made =
        owned.add(
            Plan.inference(device, network.graph(), PlanOptions.inference(1), network.values()));
    made.prepare();
    return made;
  }

  /** Of numbers of 4 bytes. */
  private HostView view(Plan plan, Value value) {
    return owned.add(device.view(plan.address(value), Float.BYTES * plan.count(value)));
  }

  /**
   * Opens the folder of a CLIP ({@link ClipCheckpoint}).
   *
   * @param device stays the caller's
   * @throws IOException in one line that names the file and what is wrong with it
   */
  public static ClipModel open(Device device, Path folder) throws IOException {
    return new ClipModel(device, ClipCheckpoint.open(folder));
  }

  /** What it is, for people: "ViT-L/14". */
  @Override
  public String name() {
    int patch = checkpoint.image().patch();
    String size =
        switch (checkpoint.image().width()) {
          case 768 -> "B";
          case 1024 -> "L";
          case 1280 -> "H";
          case 1408 -> "g";
          case 1664 -> "bigG";
          default -> Integer.toString(checkpoint.image().width());
        };
    return "ViT-" + size + "/" + patch;
  }

  /** SHA-256 of the file of weights. */
  @Override
  public String sha256() {
    return sha256;
  }

  @Override
  public String score() {
    return "CLIP score";
  }

  /** Numbers of an embedding. */
  public int embedding() {
    return checkpoint.embedding();
  }

  @Override
  public boolean cuts(String words) {
    return !sequence(words).lost().isEmpty();
  }

  private TokenSequence sequence(String words) {
    return checkpoint.tokenizer().sequence(words, checkpoint.text().positions());
  }

  @Override
  public synchronized double[] text(String words) {
    int[] numbers = sequence(words).ids();
    // The first, which may be one that was typed.
    int first = 0;
    while (numbers[first] != checkpoint.tokenizer().end()) {
      first++;
    }
    device.attach();
    MemorySegment.copy(numbers, 0, ids.memory(), ValueLayout.JAVA_INT, 0, numbers.length);
    ids.push();
    end.memory().set(ValueLayout.JAVA_INT, 0, first);
    end.push();
    text.forward();
    return embedding(textOut);
  }

  /**
   * The embedding of an image of any size.
   *
   * @param index of the image
   */
  public synchronized double[] image(ImageBatch images, int index) {
    device.attach();
    ClipPixels.write(images, index, checkpoint.pictures(), pixels.memory(), 0);
    pixels.push();
    image.forward();
    return embedding(imageOut);
  }

  @Override
  public double[][] images(ImageBatch images) {
    double[][] embeddings = new double[images.count()][];
    Arrays.setAll(embeddings, index -> image(images, index));
    return embeddings;
  }

  private double[] embedding(HostView from) {
    from.pull();
    double[] numbers = new double[embedding()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = from.memory().getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }
    return numbers;
  }

  @Override
  public synchronized void close() {
    owned.close();
  }
}
