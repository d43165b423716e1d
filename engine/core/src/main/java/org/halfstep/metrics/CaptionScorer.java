package org.halfstep.metrics;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.graph.Parameter;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.JointEmbedding;
import org.halfstep.latent.TextVectors;
import org.halfstep.model.CaptionScorerConfig;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.train.CaptionScorerFolder;

/**
 * A trained caption scorer ({@link CaptionScorerConfig}) with the text encoder that it was trained
 * against: cosines of pictures and captions, and features of pictures for FID and its relatives. It
 * has no logits, so no Inception Score.
 */
public final class CaptionScorer extends NetworkExtractor implements JointEmbedding {
  private static final int BATCH = 50;

  private final Owned owned;
  private final Network<CaptionScorerConfig, ComponentCard> network;
  private final TextVectors vectors;
  private final double[] textWeight;
  private final double[] textBias;

  private CaptionScorer(CaptionScorerFolder.Opened opened) {
    super(
        opened.network(),
        opened.network().architecture().ports(opened.network().graph()).images(),
        BATCH,
        opened.sha256());
    this.network = opened.network();
    this.vectors = opened.vectors();
    this.owned = opened.owned();
    CaptionScorerConfig config = network.architecture();
    this.textWeight = numbers(config.textWeight());
    this.textBias = numbers(config.textBias());
  }

  private double[] numbers(String parameter) {
    Parameter known = network.graph().parameters().get(parameter);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(Float.BYTES * known.size(), Float.BYTES);
      network.values().copy(known, values);
      double[] numbers = new double[Math.toIntExact(known.size())];
      Arrays.setAll(numbers, i -> values.getAtIndex(ValueLayout.JAVA_FLOAT, i));
      return numbers;
    }
  }

  /**
   * Opens the folder of a scorer.
   *
   * @param device stays the caller's
   * @throws IOException in one line that names the file and what is wrong with it
   */
  public static CaptionScorer open(Device device, Path folder) throws IOException {
    return new CaptionScorer(CaptionScorerFolder.open(device, folder));
  }

  @Override
  public String name() {
    return network.card().name();
  }

  @Override
  public String score() {
    return "caption score";
  }

  /** The network behind it. */
  public CaptionScorerConfig config() {
    return network.architecture();
  }

  @Override
  public int features() {
    return config().features();
  }

  @Override
  public int classes() {
    return 0;
  }

  @Override
  Input input(ImageBatch images) {
    return SquarePictures.input(name(), config().imageSize(), config().channels(), images);
  }

  @Override
  public boolean cuts(String words) {
    return vectors.cuts(words);
  }

  @Override
  public double[] text(String words) {
    float[] vector = new float[vectors.width()];
    vectors.write(words, vector, 0);
    double[] embedding = textBias.clone();
    for (int d = 0; d < embedding.length; d++) {
      for (int k = 0; k < vector.length; k++) {
        embedding[d] += textWeight[d * vector.length + k] * vector[k];
      }
    }
    return embedding;
  }

  /**
   * What one look at images gives.
   *
   * @param features {@code [images, features]}, row-major
   * @param embeddings a row each
   */
  public record Seen(float[] features, double[][] embeddings) {}

  /** Features and embeddings of images at once. */
  public Seen see(ImageBatch images) {
    int width = config().outputs();
    float[] features = new float[images.count() * features()];
    float[] outputs = new float[images.count() * width];
    evaluate(images, features, features(), outputs, width);
    double[][] embeddings = new double[images.count()][config().embedding()];
    for (int i = 0; i < embeddings.length; i++) {
      for (int d = 0; d < embeddings[i].length; d++) {
        embeddings[i][d] = outputs[i * width + d];
      }
    }
    return new Seen(features, embeddings);
  }

  @Override
  public double[][] images(ImageBatch images) {
    return see(images).embeddings();
  }

  @Override
  public void close() {
    super.close();
    owned.close();
  }
}
