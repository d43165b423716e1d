package org.halfstep.examples;

import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.data.PictureFolder;
import org.halfstep.device.Device;
import org.halfstep.device.Devices;
import org.halfstep.metrics.ClassifierExtractor;
import org.halfstep.metrics.FeatureExtractor;
import org.halfstep.metrics.InceptionExtractor;
import org.halfstep.metrics.Quality;
import org.halfstep.metrics.QualityMeter;
import org.halfstep.metrics.ReferenceImages;
import org.halfstep.metrics.ReferenceMeter;

/**
 * Measures how near a folder of pictures is to another: {@code MeasureFolder PICTURES REFERENCE
 * [INCEPTION]}. INCEPTION is the public file of FID's network (pt_inception-2015-12-05-…pth);
 * without it the bundled classifier of Fashion-MNIST looks at 28x28 grey pictures.
 */
public final class MeasureFolder {
  private MeasureFolder() {}

  public static void main(String[] args) throws IOException {
    if (args.length < 2) {
      System.err.println("usage: MeasureFolder PICTURES REFERENCE [INCEPTION]");
      System.exit(2);
    }
    try (Device device = Devices.open(Devices.standard());
        FeatureExtractor extractor =
            args.length > 2
                ? InceptionExtractor.open(device, Path.of(args[2]))
                : ClassifierExtractor.fashionMnist(device)) {
      Quality quality = measure(extractor, Path.of(args[0]), Path.of(args[1]));
      System.out.printf(
          "%d pictures: FID (%s) %.3f, IS %.3f, KID %.5f, precision %.3f, recall %.3f%n",
          quality.samples(),
          extractor.name(),
          quality.fid(),
          quality.inceptionScore(),
          quality.kid(),
          quality.precision(),
          quality.recall());
    }
  }

  /**
   * Compares the pictures of two folders; only features are kept, so there may be any number.
   *
   * @param pictures at least {@value Quality#LEAST_SAMPLES}, of one size
   * @param reference at least 2, of the same size
   */
  static Quality measure(FeatureExtractor extractor, Path pictures, Path reference)
      throws IOException {
    QualityMeter meter;
    try (PictureFolder real = PictureFolder.open(reference)) {
      ReferenceMeter seen = new ReferenceMeter(extractor, real.count());
      for (int done = 0; done < real.count(); done += extractor.batch()) {
        seen.add(real.next(extractor.batch()));
      }
      ReferenceImages images = seen.result(reference.toString());
      try (PictureFolder made = PictureFolder.open(pictures)) {
        meter = new QualityMeter(extractor, images, made.count());
        for (int done = 0; done < made.count(); done += extractor.batch()) {
          meter.add(made.next(extractor.batch()));
        }
      }
    }
    return meter.results().getLast();
  }
}
