package org.halfstep.safetensors;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;

/**
 * Tensors that lie in several safetensors files beside an index: JSON whose {@code weight_map}
 * names, for each tensor, the file that has it. All files are mapped. The index decides: a tensor
 * that it does not name is not there.
 */
public final class ShardedFile implements Tensors {
  /** How the names of indexes end. */
  public static final String ENDING = ".safetensors.index.json";

  private static final int MAXIMUM_SHARDS = 1024;

  /** The index as it is written; what else it says is not read. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  private record Index(@JsonProperty("weight_map") Map<String, String> files) {}

  private final Path index;
  private final Map<String, SafetensorsFile> shards = new LinkedHashMap<>();
  private final Map<String, SafetensorsFile> tensors = new LinkedHashMap<>();

  private ShardedFile(Path index) {
    this.index = index;
  }

  /**
   * Maps the files of an index and checks their headers against it.
   *
   * @throws DataException in one line, when the index names a path instead of a file beside it, a
   *     file has not the tensors that it should have, or two files have the same
   * @throws NoSuchFileException when a file is missing
   */
  public static ShardedFile open(Path index) throws IOException {
    Map<String, String> files = Json.read(Index.class, index).files();
    if (files == null || files.isEmpty()) {
      throw new DataException(
          index, "names no tensors: expected \"weight_map\" with a file for each");
    }
    ShardedFile sharded = new ShardedFile(index);
    try {
      sharded.map(files);
      return sharded;
    } catch (IOException | RuntimeException failure) {
      sharded.close();
      throw failure;
    }
  }

  private void map(Map<String, String> files) throws IOException {
    Set<String> names = new TreeSet<>();
    for (Map.Entry<String, String> entry : files.entrySet()) {
      requireBare(entry.getKey(), entry.getValue());
      names.add(entry.getValue());
    }
    if (names.size() > MAXIMUM_SHARDS) {
      throw new DataException(
          index, "names " + names.size() + " files, expected at most " + MAXIMUM_SHARDS);
    }
    Map<String, String> owners = new LinkedHashMap<>();
    for (String name : names) {
      SafetensorsFile shard = open(name);
      shards.put(name, shard);
      for (String tensor : shard.names()) {
        String other = owners.putIfAbsent(tensor, name);
        if (other != null) {
          throw new DataException(
              index, "both " + other + " and " + name + " have tensor " + tensor);
        }
      }
    }
    for (Map.Entry<String, String> entry : files.entrySet()) {
      SafetensorsFile shard = shards.get(entry.getValue());
      if (!shard.has(entry.getKey())) {
        throw new DataException(
            index,
            "says that tensor "
                + entry.getKey()
                + " is in "
                + entry.getValue()
                + ", which does not have it");
      }
      tensors.put(entry.getKey(), shard);
    }
  }

  private SafetensorsFile open(String name) throws IOException {
    try {
      return SafetensorsFile.open(index.resolveSibling(name));
    } catch (NoSuchFileException missing) {
      throw new DataException(
          index, "names " + name + ", which is not beside it: copy or download it", missing);
    }
  }

  /** An index from elsewhere must not lead to files of its choice. */
  private void requireBare(String tensor, String file) throws IOException {
    if (file == null
        || file.isEmpty()
        || file.equals(".")
        || file.equals("..")
        || file.indexOf('/') >= 0
        || file.indexOf('\\') >= 0
        || file.indexOf('\0') >= 0) {
      throw new DataException(
          index,
          "has tensor "
              + tensor
              + " in "
              + (file == null ? "no file" : "\"" + file + "\"")
              + ", expected the name of a file beside it");
    }
  }

  @Override
  public String origin() {
    return index.toString();
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  @Override
  public Optional<TensorView> find(String name) {
    return Optional.ofNullable(tensors.get(name)).flatMap(shard -> shard.find(name));
  }

  @Override
  public void unload() {
    shards.values().forEach(SafetensorsFile::unload);
  }

  @Override
  public void close() {
    shards.values().forEach(SafetensorsFile::close);
  }
}
