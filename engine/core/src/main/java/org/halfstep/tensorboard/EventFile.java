package org.halfstep.tensorboard;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.zip.CRC32C;
import org.halfstep.files.AppendedFile;

/**
 * An event file of TensorBoard: records of TFRecord (length, its checksum, the message, its
 * checksum), each an {@code Event} of TensorFlow's {@code event.proto}. A file is written by one
 * process; who goes on with a run writes the next one, which says from which step on it counts, and
 * TensorBoard forgets what files before it had from there.
 */
public final class EventFile implements AutoCloseable {
  private static final String VERSION = "brain.Event:2";
  private static final int MOST_FILES = 1 << 16;

  // Fields of Event, Summary, Summary.Value and SessionLog.
  private static final int WALL_TIME = 1;
  private static final int STEP = 2;
  private static final int FILE_VERSION = 3;
  private static final int SUMMARY = 5;
  private static final int SESSION_LOG = 7;
  private static final int VALUE = 1;
  private static final int TAG = 1;
  private static final int SIMPLE_VALUE = 2;
  private static final int STATUS = 1;
  private static final int START = 1;

  private static final int MASK_ROTATION = 15;
  private static final int MASK_ADDEND = 0xa282ead8;

  private final AppendedFile file;

  private EventFile(AppendedFile file) {
    this.file = file;
  }

  /**
   * Begins a file beside those that are there.
   *
   * @param folder of one curve, which TensorBoard calls a run; made where it is missing
   * @param step the first that this file will have
   * @param seconds since 1970
   * @throws IOException in one line, when it cannot be written
   */
  public static EventFile begin(Path folder, long step, double seconds) throws IOException {
    Files.createDirectories(folder);
    EventFile events = new EventFile(create(folder, (long) seconds));
    try {
      events.write(event(seconds, 0).text(FILE_VERSION, VERSION));
      events.write(event(seconds, step).message(SESSION_LOG, new Message().whole(STATUS, START)));
      return events;
    } catch (IOException failure) {
      events.close();
      throw failure;
    }
  }

  /** TensorBoard reads files in the order of their names. */
  private static AppendedFile create(Path folder, long seconds) throws IOException {
    for (int number = 0; ; number++) {
      try {
        return AppendedFile.create(
            folder.resolve("events.out.tfevents." + seconds + ".halfstep." + number));
      } catch (FileAlreadyExistsException taken) {
        if (number == MOST_FILES) {
          throw taken;
        }
      }
    }
  }

  /**
   * Adds a point to some curves.
   *
   * @param seconds since 1970
   * @param values by the name of the curve
   * @throws IOException in one line, when it cannot be written; the file is as it was before
   */
  public void add(long step, double seconds, Map<String, Double> values) throws IOException {
    Message summary = new Message();
    values.forEach(
        (tag, value) ->
            summary.message(
                VALUE,
                new Message().text(TAG, tag).number(SIMPLE_VALUE, (float) value.doubleValue())));
    write(event(seconds, step).message(SUMMARY, summary));
  }

  private static Message event(double seconds, long step) {
    return new Message().number(WALL_TIME, seconds).whole(STEP, step);
  }

  private void write(Message event) throws IOException {
    byte[] data = event.bytes();
    ByteBuffer record =
        ByteBuffer.allocate(Long.BYTES + Integer.BYTES + data.length + Integer.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    record.putLong(data.length);
    record.putInt(checksum(record.array(), 0, Long.BYTES));
    record.put(data);
    record.putInt(checksum(record.array(), Long.BYTES + Integer.BYTES, data.length));
    file.append(record.array());
  }

  /** CRC-32C, turned and shifted so that a checksum of bytes with checksums in them is none. */
  private static int checksum(byte[] bytes, int offset, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, offset, length);
    return Integer.rotateRight((int) crc.getValue(), MASK_ROTATION) + MASK_ADDEND;
  }

  /** Forces it to disk. */
  public void force() throws IOException {
    file.force();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
