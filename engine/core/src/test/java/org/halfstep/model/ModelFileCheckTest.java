package org.halfstep.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.halfstep.LeakCheck;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Chain;
import org.halfstep.files.DataException;
import org.halfstep.fixtures.FixtureFolders;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsException;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A model file that lies about its network is refused in one line, before memory is taken. */
@ExtendWith(LeakCheck.class)
class ModelFileCheckTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "config|num_res_blocks|1000000000",
        "config|num_res_blocks|60",
        "config|model_channels|8192",
        "config|model_channels|64",
        "config|model_channels|0",
        "config|model_channels|-32",
        "config|image_size|1073741824",
        "config|image_size|1e400000000",
        "config|image_size|\"8\"",
        "config|image_size|null",
        "config|in_channels|2147483647",
        "config|out_channels|0",
        "config|num_heads|0",
        "config|num_heads|3",
        "config|num_head_channels|0",
        "config|num_head_channels|33",
        "config|attention_resolutions|[null]",
        "config|attention_resolutions|null",
        "config|attention_resolutions|[0]",
        "config|channel_mult|[1, NaN]",
        "config|channel_mult|[1, 1e400000000]",
        "config|channel_mult|[1, null]",
        "config|channel_mult|[1, -1]",
        "config|channel_mult|[]",
        "config|channel_mult|[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]",
        "config|num_classes|2147483647",
        "config|num_classes|4",
        "config|num_classes|0",
        "config|guidance_embed_dim|0",
        "config|guidance_embed_dim|32",
        "config|dropout|NaN",
        "config|dropout|1e999",
        "config|surprise|1",
        "card|role|null",
        "card|role|0",
        "card|role|\"WIZARD\"",
        "card|classNames|[null, \"a\", \"b\"]",
        "card|classNames|[\"a\", \"b\", \"c\", \"d\"]",
        "card|classNames|7",
        "card|maxLogSnr|0",
        "card|maxLogSnr|1e400000000",
        "card|maxLogSnr|1000",
        "card|maxLogSnr|null",
        "card|provenance|{\"a\": null}",
        "card|betas|{\"start\":0.1,\"end\":0.2,\"steps\":2147483647,\"zeroTerminal\":false}",
        "card|betas|{\"start\":NaN,\"end\":0.2,\"steps\":10,\"zeroTerminal\":false}",
        "card|grid|{\"spacing\":\"LEADING\",\"offset\":1,\"end\":\"CLEAN\"}",
        "card|prediction|\"Q\"",
      })
  void aFieldThatCannotBe(String part, String field, String value) throws IOException {
    Path file = changed(teacher(), part, field, value);
    refused(file);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "card|guidanceMax|1e400000000",
        "card|guidanceMax|1e9",
        "card|guidanceMin|-1",
        "card|guidanceMin|5",
        "card|guidanceMin|null",
        "card|steps|0",
        "card|steps|2147483647",
        "card|steps|1.5",
        "card|chain|\"wild\"",
      })
  void aFieldOfAStudentThatCannotBe(String part, String field, String value) throws IOException {
    refused(changed(student(), part, field, value));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "{", "[]", "null", "{} {}", "{\"role\":\"TEACHER\",\"role\":\"TEACHER\"}"})
  void aCardThatIsNone(String card) throws IOException {
    refused(
        rewritten(
            teacher(),
            metadata -> {
              metadata.put("card", card);
              return metadata;
            },
            tensor -> tensor));
  }

  @Test
  void anotherFormat() throws IOException {
    Path file =
        rewritten(
            teacher(),
            metadata -> {
              metadata.put("format", "halfstep-classifier-1");
              return metadata;
            },
            tensor -> tensor);
    assertTrue(refused(file).contains("expected \"format\": \"halfstep-unet-1\""));
  }

  @Test
  void aTensorThatIsNotFinite() throws IOException {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      Path file =
          rewritten(
              teacher(),
              metadata -> metadata,
              tensor -> {
                if (tensor.name().equals("out.2.bias")) {
                  return NamedTensor.f32(tensor.name(), tensor.shape(), bad);
                }
                return tensor;
              });
      String line = refused(file);
      assertTrue(line.contains("out.2.bias has " + (bad != bad ? "NaN" : "an infinity")), line);
    }
  }

  @Test
  void aTensorOfAnotherTypeOrShape() throws IOException {
    Path integers =
        rewritten(
            teacher(),
            metadata -> metadata,
            tensor ->
                tensor.name().equals("out.2.bias")
                    ? NamedTensor.i64(tensor.name(), tensor.shape(), 1)
                    : tensor);
    assertTrue(refused(integers).contains("is I64"));
    Path longer =
        rewritten(
            teacher(),
            metadata -> metadata,
            tensor ->
                tensor.name().equals("out.2.bias")
                    ? NamedTensor.f32(tensor.name(), new long[] {2}, 0, 0)
                    : tensor);
    assertTrue(refused(longer).contains("has shape [2], expected [1]"));
  }

  @Test
  void namesThatSteerATerminal() throws IOException {
    Path file =
        changed(teacher(), "card", "classNames", "[\"a\\u001b[2J\", \"b\\u202e\", \"c\\n\"]");
    try (Device device = new CpuDevice(1);
        Network<UNetConfig, ModelCard> network = Network.load(device, UNetConfig.FORMAT, file)) {
      assertEquals(List.of("a?[2J", "b?", "c?"), network.card().classNames());
    }
  }

  @Test
  void aFolder() throws IOException {
    Files.createFile(folder.resolve("teacher.safetensors"));
    assertTrue(refused(folder).endsWith("it has teacher.safetensors in it"));
  }

  /** As they were made, and as files that say today's format, so that what is in them is read. */
  @Test
  void filesOfOthersAttempts() throws IOException {
    Optional<Path> cases = FixtureFolders.beside("cases/break");
    assumeTrue(cases.isPresent(), "there are no files of others' attempts");
    try (var files = Files.newDirectoryStream(cases.get(), "*.safetensors")) {
      for (Path file : files) {
        refused(file);
        String line = refused(ofToday(file));
        assertFalse(line.contains("found no format"), line);
        assertFalse(line.matches(".*(card|configuration): (model|network) \\1.*"), line);
      }
    }
  }

  private Path ofToday(Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    byte[] header = new byte[(int) bytes.getLong()];
    bytes.get(header);
    ObjectNode changed = (ObjectNode) JSON.readTree(header);
    changed.withObject("/__metadata__").put("format", UNetConfig.FORMAT.name());
    byte[] text = JSON.writeValueAsBytes(changed);
    ByteBuffer all =
        ByteBuffer.allocate(Long.BYTES + text.length + bytes.remaining())
            .order(ByteOrder.LITTLE_ENDIAN);
    all.putLong(text.length).put(text).put(bytes);
    return Files.write(folder.resolve(file.getFileName()), all.array());
  }

  @Test
  void aClassifier() throws IOException {
    Path file = folder.resolve("classifier.safetensors");
    ClassifierConfig config = new ClassifierConfig(8, 1, 3, List.of(8, 16));
    try (Device device = new CpuDevice(1);
        Network<ClassifierConfig, ClassifierCard> made =
            Network.fresh(
                device, config, new ClassifierCard("x", List.of("a", "b", "c"), Map.of()), 1)) {
      made.save(file, made.card(), Dtype.F32);
    }
    for (String[] change :
        new String[][] {
          {"config", "widths", "[8, 8192]"},
          {"config", "widths", "[8, null]"},
          {"config", "widths", "null"},
          {"config", "classes", "2147483647"},
          {"config", "image_size", "1e99999999"},
          {"config", "image_size", "2147483647"},
          {"card", "classNames", "[\"a\", null]"},
          {"card", "classNames", "[\"a\", \"b\", \"c\", \"d\"]"},
          {"card", "dataset", "null"},
        }) {
      Path bad = changed(file, change[0], change[1], change[2]);
      try (Device device = new CpuDevice(1)) {
        IOException failure =
            assertThrows(
                DataException.class,
                () -> Network.load(device, ClassifierConfig.FORMAT, bad),
                String.join(" ", change));
        assertTrue(failure.getMessage().startsWith(bad + ": "), failure.getMessage());
      }
    }
  }

  private String refused(Path file) {
    try (Device device = new CpuDevice(1)) {
      IOException failure =
          assertThrows(
              IOException.class, () -> Network.load(device, UNetConfig.FORMAT, file).close());
      IOException mapped =
          assertThrows(
              IOException.class, () -> Network.open(device, UNetConfig.FORMAT, file).close());
      assertEquals(failure.getMessage(), mapped.getMessage());
      assertTrue(
          failure instanceof DataException || failure instanceof SafetensorsException,
          failure.toString());
      assertTrue(failure.getMessage().startsWith(file + ": "), failure.getMessage());
      assertEquals(1, failure.getMessage().lines().count(), failure.getMessage());
      return failure.getMessage();
    }
  }

  private Path teacher() throws IOException {
    Path file = folder.resolve("good.safetensors");
    try (Device device = new CpuDevice(1);
        Network<UNetConfig, ModelCard> network = TinyNetworks.teacher(device, 8, 1)) {
      network.save(file, network.card(), Dtype.F32);
    }
    return file;
  }

  private Path student() throws IOException {
    Path file = folder.resolve("student.safetensors");
    try (Device device = new CpuDevice(1);
        Network<UNetConfig, ModelCard> network = TinyNetworks.guided(device, 8, 4, 1)) {
      network.save(file, network.card().student(2, Chain.DETERMINISTIC, Map.of()), Dtype.F32);
    }
    return file;
  }

  private Path changed(Path file, String part, String field, String value) throws IOException {
    return rewritten(
        file,
        metadata -> {
          try {
            ObjectNode node = (ObjectNode) JSON.readTree(metadata.get(part));
            node.remove(field);
            String rest = JSON.writeValueAsString((JsonNode) node);
            metadata.put(
                part,
                "{\"" + field + "\":" + value + (rest.length() > 2 ? "," : "") + rest.substring(1));
            return metadata;
          } catch (IOException e) {
            throw new AssertionError(e);
          }
        },
        tensor -> tensor);
  }

  private Path rewritten(
      Path file, UnaryOperator<Map<String, String>> metadata, UnaryOperator<NamedTensor> tensors)
      throws IOException {
    Path target = folder.resolve("changed.safetensors");
    try (SafetensorsFile source = SafetensorsFile.open(file)) {
      List<NamedTensor> changed = new ArrayList<>();
      for (String name : source.names()) {
        var view = source.tensor(name);
        changed.add(
            tensors.apply(
                new NamedTensor(
                    name, view.dtype(), view.shape(), MemorySegment.ofArray(bytes(view.data())))));
      }
      SafetensorsWriter.write(
          target, changed, metadata.apply(new LinkedHashMap<>(source.metadata())));
    }
    return target;
  }

  private static byte[] bytes(MemorySegment data) {
    return data.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
  }
}
