package org.halfstep.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.halfstep.LeakCheck;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.doctor.Finding.Verdict;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * A small model whose weights are hashes is whole; damaged, it is not, and the doctor says where.
 */
@ExtendWith(LeakCheck.class)
class DoctorTest {
  private static final String WEIGHTS = "diffusion_pytorch_model.safetensors";
  private static final int SIDE = 8;

  @TempDir private Path folder;
  private Path model;

  @BeforeEach
  void write() throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
    model = folder.resolve("tiny/diffusers");
    Path config = model.resolve("unet/config.json");
    ObjectMapper json = new ObjectMapper();
    ObjectNode keys = (ObjectNode) json.readTree(config.toFile());
    keys.put("sample_size", SIDE);
    json.writeValue(config.toFile(), keys);
  }

  private List<Finding> examine(DoctorOptions options) throws IOException {
    List<Finding> told = new ArrayList<>();
    try (Device device = new CpuDevice()) {
      List<Finding> all = Doctor.examine(device, model, options, told::add);
      assertEquals(all, told);
    }
    return told;
  }

  private static Finding find(List<Finding> findings, String question) {
    return findings.stream()
        .filter(finding -> finding.question().equals(question))
        .findFirst()
        .orElseThrow(() -> new AssertionError(question + " was not asked: " + findings));
  }

  /** Overwrites the first numbers of a float32 tensor. */
  private void damage(String part, String tensor, int count, float value) throws IOException {
    try (RandomAccessFile file =
        new RandomAccessFile(model.resolve(part).resolve(WEIGHTS).toFile(), "rw")) {
      byte[] size = new byte[Long.BYTES];
      file.readFully(size);
      int header = (int) ByteBuffer.wrap(size).order(ByteOrder.LITTLE_ENDIAN).getLong();
      byte[] text = new byte[header];
      file.readFully(text);
      ObjectNode tensors =
          (ObjectNode) new ObjectMapper().readTree(new String(text, StandardCharsets.UTF_8));
      long begin = tensors.path(tensor).path("data_offsets").path(0).asLong();
      long end = tensors.path(tensor).path("data_offsets").path(1).asLong();
      int numbers = count == 0 ? (int) (end - begin) / Float.BYTES : count;
      ByteBuffer values = ByteBuffer.allocate(numbers * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i < numbers; i++) {
        values.putFloat(value);
      }
      file.seek(Long.BYTES + header + begin);
      file.write(values.array());
    }
  }

  @Test
  void aWholeModelAnswersEveryCertainQuestion() throws IOException {
    List<Finding> findings = examine(DoctorOptions.standard());
    assertTrue(
        findings.stream().noneMatch(finding -> finding.verdict() == Verdict.FAILED),
        findings::toString);
    for (String question :
        List.of(
            "layout",
            "UNet: finite numbers",
            "UNet: matrices of zeros",
            "text encoder: first state",
            "text encoder: two texts",
            "text encoder: context",
            "UNet: guided with w = 0")) {
      assertEquals(Verdict.PASSED, find(findings, question).verdict(), question);
    }
    // Random weights predict nothing, and these questions are not certain.
    assertEquals(Verdict.UNUSUAL, find(findings, "UNet: predicts eps").verdict());
    assertEquals(Verdict.UNUSUAL, find(findings, "UNet: size").verdict());
    for (int level : new int[] {249, 499, 749}) {
      assertTrue(find(findings, "UNet: noise at step " + level).measured().contains("error"));
    }
    assertTrue(find(findings, "UNet: image in one step").measured().endsWith(" dB"));
    assertTrue(find(findings, "first stage: there and back").measured().endsWith(" dB"));
  }

  @Test
  void oneNumberThatIsNoneIsFoundAndNothingIsRun() throws IOException {
    damage("unet", "mid_block.attentions.0.proj_in.weight", 1, Float.NaN);
    List<Finding> findings = examine(DoctorOptions.standard());
    Finding found = find(findings, "UNet: finite numbers");
    assertEquals(Verdict.FAILED, found.verdict());
    assertTrue(
        found.measured().contains("mid_block.attentions.0.proj_in.weight"), found.measured());
    assertEquals(Verdict.SKIPPED, findings.getLast().verdict());
  }

  @Test
  void aMatrixOfZerosAndAStrangeNormAreNamed() throws IOException {
    damage("unet", "conv_out.weight", 0, 0);
    damage("unet", "conv_norm_out.weight", 0, 100);
    List<Finding> findings = examine(DoctorOptions.standard());
    Finding zero = find(findings, "UNet: matrices of zeros");
    assertEquals(Verdict.UNUSUAL, zero.verdict());
    assertEquals("conv_out.weight", zero.measured());
    Finding norm = find(findings, "UNet: weights of norms");
    assertEquals(Verdict.UNUSUAL, norm.verdict());
    assertTrue(norm.measured().startsWith("conv_norm_out.weight"), norm.measured());
  }

  @Test
  void whatCannotBeOpenedIsOneAnswer() throws IOException {
    Path config = Path.of("config.json");
    try (Stream<Path> files = Files.list(model.resolve("unet"))) {
      for (Path file : files.toList()) {
        if (!file.endsWith(config)) {
          Files.delete(file);
        }
      }
    }
    List<Finding> findings = examine(DoctorOptions.standard());
    assertEquals(1, findings.size());
    assertEquals(Verdict.FAILED, findings.getFirst().verdict());
    assertTrue(findings.getFirst().measured().contains("unet"), findings.toString());
  }
}
