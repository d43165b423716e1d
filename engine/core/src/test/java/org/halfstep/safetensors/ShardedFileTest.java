package org.halfstep.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.halfstep.files.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShardedFileTest {
  @TempDir private Path folder;

  private void shard(String file, String... tensors) throws IOException {
    List<NamedTensor> all =
        java.util.Arrays.stream(tensors)
            .map(name -> NamedTensor.f32(name, new long[] {2}, name.charAt(0), 1))
            .toList();
    SafetensorsWriter.write(folder.resolve(file), all, Map.of());
  }

  private Path index(String json) throws IOException {
    return Files.writeString(folder.resolve("x.safetensors.index.json"), json);
  }

  private void refused(Path index, String words) {
    IOException refused = assertThrows(DataException.class, () -> ShardedFile.open(index).close());
    assertTrue(refused.getMessage().contains(words), refused.getMessage());
    assertTrue(refused.getMessage().startsWith(index + ": "), refused.getMessage());
    assertEquals(1, refused.getMessage().lines().count());
  }

  @Test
  void tensorsAreFoundInTheFilesThatHaveThem() throws IOException {
    shard("one.safetensors", "a", "b");
    shard("two.safetensors", "c", "unnamed");
    Path index =
        index(
            """
            {"metadata":{"total_size":24},
             "weight_map":{"a":"one.safetensors","c":"two.safetensors","b":"one.safetensors"}}
            """);
    try (ShardedFile file = ShardedFile.open(index)) {
      assertEquals(Set.of("a", "b", "c"), file.names());
      assertArrayEquals(new float[] {'c', 1}, file.find("c").orElseThrow().floats());
      assertArrayEquals(new float[] {'b', 1}, file.find("b").orElseThrow().floats());
      assertTrue(file.find("unnamed").isEmpty());
      assertTrue(file.find("d").isEmpty());
      assertEquals(index.toString(), file.origin());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../one.safetensors",
        "/etc/passwd",
        "..",
        ".",
        "",
        "sub/one.safetensors",
        "a\\\\b"
      })
  void anIndexLeadsToNoOtherFolder(String name) throws IOException {
    shard("one.safetensors", "a");
    refused(
        index("{\"weight_map\":{\"a\":\"" + name + "\"}}"),
        "expected the name of a file beside it");
  }

  @Test
  void whatDoesNotAgreeIsRefused() throws IOException {
    shard("one.safetensors", "a");
    shard("two.safetensors", "a", "b");
    refused(index("{\"weight_map\":{\"b\":\"one.safetensors\"}}"), "which does not have it");
    refused(
        index("{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}"),
        "both one.safetensors and two.safetensors have tensor a");
    refused(index("{\"weight_map\":{\"a\":\"gone.safetensors\"}}"), "names gone.safetensors");
    refused(index("{\"weight_map\":{}}"), "names no tensors");
    refused(index("{}"), "names no tensors");
    refused(index("{\"weight_map\":{\"a\":null}}"), "has tensor a in no file");
    refused(index("{\"weight_map\":[]}"), "weight_map");
    refused(index("not JSON"), "");
  }
}
