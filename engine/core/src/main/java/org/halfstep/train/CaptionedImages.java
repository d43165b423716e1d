package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import org.halfstep.data.CaptionedPictures;
import org.halfstep.data.ImageDataset;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.graph.Shape;

/**
 * Pictures that come as often as their weights say, and whose condition is a caption drawn anew
 * each time.
 *
 * @param data the pictures' pixels, picture i as image i; stays the caller's
 * @param pictures what is known of them
 * @param mirror whether they are flipped left to right at random
 */
public record CaptionedImages(ImageDataset data, CaptionedPictures pictures, boolean mirror)
    implements Examples {
  public CaptionedImages {
    if (data.count() != pictures.count()) {
      throw new IllegalArgumentException(
          data.count() + " images are not those of " + pictures.count() + " pictures");
    }
  }

  private LabelledImages images() {
    return new LabelledImages(data, mirror);
  }

  @Override
  public int count() {
    return data.count();
  }

  @Override
  public Shape shape() {
    return images().shape();
  }

  @Override
  public int conditions() {
    return pictures.texts().all().size();
  }

  @Override
  public ExampleOrder order(long seed) {
    return pictures.order(seed)::at;
  }

  @Override
  public int condition(int index, long example, ExampleDraws draws) {
    return pictures.texts().draw(index, draws.seed(), example);
  }

  @Override
  public void write(
      int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {
    LabelledImages.write(data, mirror, index, example, draws, destination, byteOffset);
  }

  @Override
  public String identity() {
    return LabelledImages.identity(data) + ", captions " + pictures.sha256();
  }
}
