package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.halfstep.device.Device;
import org.halfstep.files.FileDigest;
import org.halfstep.graph.Weights;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.safetensors.Dtype;
import org.halfstep.train.ClassConditioned;
import org.halfstep.train.ConditionedNetwork;

/**
 * Networks of pixels, each in a file of ours.
 *
 * @param teacher file of what the run begins with
 * @param memory bytes that packed weights of a teacher may take, or {@link Network#DEFAULT_MEMORY}
 * @param folder of the run
 * @param guidanceEmbedDim numbers of the embedding of w
 */
record PixelModels(Device device, Path teacher, long memory, Path folder, int guidanceEmbedDim)
    implements DistilledModels {
  @Override
  public String identity() throws IOException {
    try {
      return FileDigest.sha256(teacher);
    } catch (NoSuchFileException e) {
      throw new IOException(
          teacher + ": there is no such file; distillation starts from a model", e);
    }
  }

  @Override
  public ConditionedNetwork openTeacher() throws IOException {
    return open(teacher);
  }

  @Override
  public ConditionedNetwork open(Path model) throws IOException {
    return new ClassConditioned(Network.open(device, UNetConfig.FORMAT, model, memory));
  }

  @Override
  public String sha256(Path model) throws IOException {
    return FileDigest.sha256(model);
  }

  @Override
  public Path place(String name) {
    return folder.resolve(name + ".safetensors");
  }

  @Override
  public Path shown(Path kept) {
    return kept;
  }

  @Override
  public UNetConfig trained(ConditionedNetwork teacher, boolean guided) {
    UNetConfig config = ((ClassConditioned) teacher).network().architecture().withDropout(0);
    return guided && !config.isGuided() ? config.withGuidance(guidanceEmbedDim) : config;
  }

  @Override
  public ConditionedNetwork student(ConditionedNetwork teacher, boolean guided, ModelCard card) {
    return new ClassConditioned(
        Network.like(device, trained(teacher, guided), card, teacher.network()));
  }

  @Override
  public void save(ConditionedNetwork model, ModelCard card, Weights weights, Path kept)
      throws IOException {
    ((ClassConditioned) model).network().save(kept, card, Dtype.F32, weights);
  }
}
