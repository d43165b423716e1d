package org.halfstep.sample;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.SlabLayout;

/**
 * What a batch needs of the pictures that it begins with: them, the noise that they were brought
 * to, and which pixels are led back to them.
 */
final class KnownMemory implements AutoCloseable {
  private final Owned owned = new Owned();
  private final Operations operations;
  private final int batch;
  private final int pixels;
  private final int channels;
  private final HostView known;
  private final HostView choices;
  private final long knownAddress;
  private final long noiseAddress;
  private final long noisedAddress;
  private final long pairAddress;
  private final long choicesAddress;

  KnownMemory(Device device, Operations operations, int batch, int pixels, int channels) {
    this.operations = operations;
    this.batch = batch;
    this.pixels = pixels;
    this.channels = channels;
    long rows = (long) batch * pixels;
    SlabLayout room = new SlabLayout();
    SlabLayout.Part image = room.floats(rows * channels);
    SlabLayout.Part noise = room.floats(rows * channels);
    SlabLayout.Part noised = room.floats(rows * channels);
    SlabLayout.Part pair = room.floats(2 * rows * channels);
    SlabLayout.Part choice = room.ints(rows);
    try {
      owned.add(room.allocate(device, "a known picture"));
      this.known = owned.add(image.window());
      this.choices = owned.add(choice.window());
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
    this.knownAddress = image.address();
    this.noiseAddress = noise.address();
    this.noisedAddress = noised.address();
    this.pairAddress = pair.address();
    this.choicesAddress = choice.address();
  }

  /** Copies the pictures of the images {@code first} and following. */
  void set(KnownImage picture, int first) {
    long bytes = (long) Float.BYTES * pixels * channels;
    MemorySegment to = known.memory();
    for (int image = 0; image < batch; image++) {
      long from = (first + image) * bytes;
      MemorySegment.copy(picture.values(), from, to, image * bytes, bytes);
    }
    known.push();
    if (picture.painted() != null) {
      MemorySegment rows = choices.memory();
      for (int row = 0; row < batch * pixels; row++) {
        rows.setAtIndex(ValueLayout.JAVA_INT, row, picture.painted()[row % pixels] ? 0 : 1);
      }
      choices.push();
    }
  }

  /** The noise that the pictures are brought to throughout. */
  long noise() {
    return noiseAddress;
  }

  /**
   * Brings the pictures to a level.
   *
   * @param y where they go
   * @param coefficients of the picture and of the noise, per image
   */
  Launch noised(long y, long coefficients) {
    return operations.linearCombination(
        y,
        new long[] {knownAddress, noiseAddress},
        coefficients,
        batch,
        (long) pixels * channels,
        DataType.F32);
  }

  /**
   * Leads the pixels that stay back to the pictures, brought to a level (Lugmayr et al., "RePaint",
   * 2022, equation 8).
   *
   * @param x the images
   * @param coefficients as in {@link #noised}
   */
  List<Launch> leadBack(long x, long coefficients) {
    long rows = (long) batch * pixels;
    return List.of(
        noised(noisedAddress, coefficients),
        column(x, 0),
        column(noisedAddress, channels),
        operations
            .kernel("gather_forward")
            .with("n t c", rows, 2L, (long) channels)
            .with("dtype ids", DataType.F32, choicesAddress)
            .with("x y", pairAddress, x));
  }

  private Launch column(long source, int offset) {
    return operations
        .kernel("copy_columns")
        .with("rows columns dtype", (long) batch * pixels, (long) channels, DataType.F32)
        .with("src src_stride", source, (long) channels)
        .with("dst dst_stride dst_offset", pairAddress, 2L * channels, (long) offset);
  }

  @Override
  public void close() {
    owned.close();
  }
}
