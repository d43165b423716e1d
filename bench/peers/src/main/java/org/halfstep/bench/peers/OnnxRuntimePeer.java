package org.halfstep.bench.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/** ONNX Runtime on a model file, with every optimisation of graphs and results in place. */
final class OnnxRuntimePeer implements Peer {
  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OrtSession session;
  private final FloatBuffer result;
  private final Map<String, OnnxTensor> inputs;
  private final Map<String, OnnxTensor> outputs;

  /**
   * @param threads within an operator; operators run one after the other
   */
  OnnxRuntimePeer(Path model, Batch batch, int threads) throws OrtException {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      options.setExecutionMode(OrtSession.SessionOptions.ExecutionMode.SEQUENTIAL);
      options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
      session = environment.createSession(model.toString(), options);
    }
    result = floats(batch.images().length);
    LongBuffer labels =
        ByteBuffer.allocateDirect(Long.BYTES * batch.size())
            .order(ByteOrder.nativeOrder())
            .asLongBuffer()
            .put(batch.labels())
            .flip();
    long[] rows = {batch.size()};
    inputs =
        Map.of(
            WrittenUNet.IMAGES,
            OnnxTensor.createTensor(environment, filled(batch.images()), batch.shape()),
            WrittenUNet.TIMES,
            OnnxTensor.createTensor(environment, filled(batch.times()), rows),
            WrittenUNet.LABELS,
            OnnxTensor.createTensor(environment, labels, rows));
    String out = session.getOutputNames().iterator().next();
    outputs = Map.of(out, OnnxTensor.createTensor(environment, result, batch.shape()));
  }

  private static FloatBuffer floats(int count) {
    return ByteBuffer.allocateDirect(Float.BYTES * count)
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }

  private static FloatBuffer filled(float[] values) {
    return floats(values.length).put(values).flip();
  }

  @Override
  public String engine() {
    return "onnxruntime " + environment.getVersion();
  }

  @Override
  public void run() {
    try {
      session.run(inputs, Set.of(), outputs).close();
    } catch (OrtException failed) {
      throw new IllegalStateException(failed);
    }
  }

  @Override
  public float[] output() {
    run();
    float[] values = new float[result.capacity()];
    result.duplicate().clear().get(values);
    return values;
  }

  @Override
  public void close() {
    inputs.values().forEach(OnnxTensor::close);
    outputs.values().forEach(OnnxTensor::close);
    try {
      session.close();
    } catch (OrtException failed) {
      throw new IllegalStateException(failed);
    }
  }
}
