package org.halfstep.attack;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.halfstep.files.FileDigest;
import org.halfstep.files.Json;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;

/**
 * A checkpoint that no run writes, with digests that are right: what is in it must be noticed
 * itself. Without digests it is as an older version wrote checkpoints.
 */
enum Forgery {
  UPDATE_BEYOND_THE_END("update", "1000000000"),
  UPDATE_BEYOND_ALL("update", "99999999999999999999"),
  UPDATE_BELOW_ZERO("update", "-1"),
  UPDATE_A_FRACTION("update", "3.5"),
  UPDATE_A_TEXT("update", "\"3\""),
  UPDATE_NOTHING("update", "null"),
  MORE_MADE_THAN_DONE("optimizerUpdates", "1000000000"),
  PHASE_UNKNOWN("phase", "\"nobody\""),
  PHASE_OF_ANOTHER_RUN("phase", "\"halving\""),
  PHASE_OF_CONTROL_CHARACTERS("phase", "\"\\u001b[2J\\nx\""),
  PHASE_NOTHING("phase", "null"),
  STAGE_BEYOND("stage", "1"),
  STAGE_BELOW_ZERO("stage", "-1"),
  FINGERPRINT_OF_ANOTHER_RUN("fingerprint", "\"x\""),
  MODEL_A_LIST("model", "[]"),
  KEY_THAT_NOBODY_KNOWS("nobody", "1"),
  PARTS_NONE("parts", "{}"),
  PARTS_A_LIST("parts", "[]"),
  PARTS_ELSEWHERE("parts", "{\"../../config.json\":{\"bytes\":1,\"sha256\":\"0\"}}"),
  PARTS_ABSOLUTE("parts", "{\"/etc/passwd\":{\"bytes\":1,\"sha256\":\"0\"}}"),
  PARTS_OF_NO_NAME("parts", "{\"\":{\"bytes\":1,\"sha256\":\"0\"}}"),
  PARTS_WITHOUT_NUMBERS("parts", "{\"weights.safetensors\":7}"),
  WEIGHTS_NOT_A_NUMBER {
    @Override
    void change(Path checkpoint) throws IOException {
      numbers(checkpoint.resolve(WEIGHTS), values -> first(values, Float.NaN));
    }
  },
  AVERAGE_INFINITE {
    @Override
    void change(Path checkpoint) throws IOException {
      numbers(checkpoint.resolve(AVERAGE), values -> first(values, Float.POSITIVE_INFINITY));
    }
  },
  MOMENTS_NOT_A_NUMBER {
    @Override
    void change(Path checkpoint) throws IOException {
      numbers(checkpoint.resolve(OPTIMIZER), values -> first(values, Float.NaN));
    }
  },
  MOMENTS_BELOW_ZERO {
    @Override
    void change(Path checkpoint) throws IOException {
      numbers(checkpoint.resolve(OPTIMIZER), values -> first(values, -1));
    }
  },
  MOMENTS_TOO_FEW {
    @Override
    void change(Path checkpoint) throws IOException {
      numbers(checkpoint.resolve(OPTIMIZER), values -> new float[values.length - 1]);
    }
  },
  MOMENTS_OF_WEIGHTS {
    @Override
    void change(Path checkpoint) throws IOException {
      copy(checkpoint, WEIGHTS, OPTIMIZER);
    }
  },
  WEIGHTS_OF_MOMENTS {
    @Override
    void change(Path checkpoint) throws IOException {
      copy(checkpoint, OPTIMIZER, WEIGHTS);
    }
  },
  WEIGHTS_IN_HALF_PRECISION {
    @Override
    void change(Path checkpoint) throws IOException {
      rewrite(
          checkpoint.resolve(WEIGHTS),
          view -> NamedTensor.bf16(view.name(), view.shape(), view.data()));
    }
  },
  WEIGHTS_OF_OTHER_NAMES {
    @Override
    void change(Path checkpoint) throws IOException {
      rewrite(
          checkpoint.resolve(WEIGHTS),
          view -> NamedTensor.f32(view.name() + "x", view.shape(), view.data()));
    }
  },
  WEIGHTS_FLAT {
    @Override
    void change(Path checkpoint) throws IOException {
      rewrite(
          checkpoint.resolve(WEIGHTS),
          view -> NamedTensor.f32(view.name(), new long[] {view.elements()}, view.data()));
    }
  };

  private static final String PROGRESS = "progress.json";
  private static final String PARTS = "parts";
  private static final String SHA_256 = "sha256";
  private static final String WEIGHTS = "weights.safetensors";
  private static final String AVERAGE = "ema.safetensors";
  private static final String OPTIMIZER = "optimizer.safetensors";

  private final String key;
  private final String value;

  Forgery() {
    this("", "");
  }

  /** A value of the progress in place of another. */
  Forgery(String key, String value) {
    this.key = key;
    this.value = value;
  }

  /** Changes files beside the progress. */
  void change(Path checkpoint) throws IOException {}

  /** Whether it is one without digests as well, as older versions wrote them. */
  boolean mayBeOld() {
    return !key.equals(PARTS);
  }

  /**
   * Forges a checkpoint.
   *
   * @param old whether it is to have no digests
   */
  void to(Path checkpoint, boolean old) throws IOException {
    change(checkpoint);
    Path file = checkpoint.resolve(PROGRESS);
    ObjectNode progress = Json.read(ObjectNode.class, file);
    progress.remove(SHA_256);
    if (old) {
      progress.remove(PARTS);
    } else {
      for (Map.Entry<String, JsonNode> part : progress.get(PARTS).properties()) {
        Path changed = checkpoint.resolve(part.getKey());
        ((ObjectNode) part.getValue())
            .put("bytes", Files.size(changed))
            .put(SHA_256, FileDigest.sha256(changed));
      }
    }
    if (!key.isEmpty()) {
      progress.set(key, Json.parse(JsonNode.class, key, value));
    }
    if (!old) {
      progress.put(SHA_256, sha256(Json.text(progress)));
    }
    Files.writeString(file, Json.text(progress));
  }

  private static String sha256(String text) {
    try {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private static void copy(Path checkpoint, String from, String to) throws IOException {
    Files.copy(
        checkpoint.resolve(from), checkpoint.resolve(to), StandardCopyOption.REPLACE_EXISTING);
  }

  private static float[] first(float[] values, float value) {
    values[0] = value;
    return values;
  }

  /** Other values in every tensor of a file; as many of them as there are then. */
  private static void numbers(Path file, UnaryOperator<float[]> change) throws IOException {
    rewrite(
        file,
        view -> {
          float[] values = change.apply(view.floats());
          boolean same = values.length == view.elements();
          return NamedTensor.f32(
              view.name(), same ? view.shape() : new long[] {values.length}, values);
        });
  }

  /** What a tensor becomes. */
  private interface Change {
    NamedTensor of(TensorView view);
  }

  private static void rewrite(Path file, Change change) throws IOException {
    try (SafetensorsFile open = SafetensorsFile.open(file)) {
      List<NamedTensor> tensors = new ArrayList<>();
      for (String name : open.names()) {
        tensors.add(change.of(open.tensor(name)));
      }
      SafetensorsWriter.write(file, tensors, open.metadata());
    }
  }
}
