package org.halfstep.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.text.Tokenizer;

/** A network that makes contexts of texts: a vector for each token. */
public sealed interface TextEncoderDescription extends NetworkDescription
    permits TextDescription, BertDescription {
  /** Entries of its table of tokens. */
  int vocabulary();

  /** Tokens of a context, padding included. */
  int positions();

  /** Numbers of each. */
  int width();

  /**
   * Reads a tokenizer of its kind, with the padding that it was trained with.
   *
   * @param path a folder, or a file of a vocabulary
   * @throws IOException in one line, when it is no such tokenizer
   */
  Tokenizer openTokenizer(Path path) throws IOException;

  @Override
  default Part part() {
    return Part.TEXT_ENCODER;
  }
}
