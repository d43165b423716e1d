package org.halfstep.fuzz;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;
import javax.imageio.ImageIO;
import org.halfstep.data.SampleBatchFile;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.device.cuda.cudnn.CudnnPlanCacheReading;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.model.ClassifierCard;
import org.halfstep.model.ClassifierConfig;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.numpy.NpyArray;
import org.halfstep.numpy.NpyHeader;
import org.halfstep.numpy.NpyType;
import org.halfstep.numpy.NpzFile;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.text.ClipTokenizer;

/** Writes small whole files for the fuzzer to begin with: {@code Seeds FOLDER}. */
final class Seeds {
  /** Name of a whole UNet's file. */
  static final String MODEL = "model.safetensors";

  /** Name of a whole classifier's file. */
  static final String CLASSIFIER = "classifier.safetensors";

  /** Name of a small tokenizer's file. */
  static final String MERGES = "merges.txt";

  /** Name of a small list of words. */
  static final String WORDS = "vocab.txt";

  /** Name of a whole latent UNet's file. */
  static final String LATENT_UNET = "latent-unet.safetensors";

  /** Folder of a whole latent model. */
  static final String TINY = "tiny";

  /** Folder of a whole CLIP in it. */
  static final String CLIP = "clip";

  /** Among the tiny models: a text encoder as one file. */
  static final String BUNDLED = "pictures-text.safetensors";

  /** A digest, in hexadecimal. */
  static final String HASH = "0".repeat(64);

  private static final int SIDE = 4;

  private final Path folder;

  private Seeds(Path folder) {
    this.folder = folder;
  }

  public static void main(String[] arguments) throws IOException {
    Seeds seeds = new Seeds(Path.of(arguments[0]));
    seeds.models();
    seeds.tensors();
    seeds.torch();
    seeds.arrays();
    seeds.images();
    seeds.texts();
    seeds.tokenizers();
    new LatentSeeds(seeds).write();
  }

  private void tokenizers() throws IOException {
    String merges = "#version: 0.2\nc a\nca t</w>\nt h\nth e</w>\n";
    seed(Reader.CLIP_MERGES, "four", Archives.utf8(merges));
    seed(Reader.CLIP_PACKED, "four", gzip(Archives.utf8(merges)));
    Path written = Files.createDirectories(folder.resolve("tokenizer"));
    Path file = Files.writeString(folder.resolve(MERGES), merges);
    ClipTokenizer.open(file).write(written);
    byte[] vocabulary = Files.readAllBytes(written.resolve("vocab.json"));
    seed(
        Reader.CLIP_FOLDER,
        "whole",
        Archives.utf8(merges),
        Archives.utf8("{\"pad_token\":{\"content\":\"!\"}}"),
        vocabulary);
    seed(
        Reader.CLIP_TOKENIZER,
        "pairs",
        Archives.utf8(
            "{\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\",\"merges\":"
                + "[\"c a\",[\"ca\",\"t</w>\"],\"t h\",\"th e</w>\"],\"vocab\":"
                + new String(vocabulary, StandardCharsets.UTF_8)
                + "}}"));
    byte[] words = Archives.utf8("[PAD]\n[UNK]\n[CLS]\n[SEP]\nfox\n##es\n");
    Files.write(folder.resolve(WORDS), words);
    seed(Reader.WORD_LIST, "eight", words);
    seed(
        Reader.PROMPT,
        "some",
        Archives.utf8("the cat &amp;&#x41; &lt;b&gt; caf\u00e9 \u6f22 1,000.5 it's"));
    seed(
        Reader.WORD_PIECES,
        "six",
        Archives.utf8(
            """
            {"added_tokens":[{"id":0,"content":"[PAD]"}],"normalizer":{"type":"BertNormalizer","lowercase":true,
             "clean_text":true,"strip_accents":null},"pre_tokenizer":{"type":"BertPreTokenizer"},
             "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",
             "max_input_chars_per_word":100,"vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"fox":4,"##es":5}}}
            """));
  }

  /** Where the files are written. */
  Path folder() {
    return folder;
  }

  /** Writes one input to begin with. */
  void seed(Reader reader, String name, byte[]... parts) throws IOException {
    Path target = folder.resolve("seeds").resolve(reader.name()).resolve(name);
    Files.createDirectories(target.getParent());
    Files.write(target, parts.length == 1 ? parts[0] : Archives.joined(parts));
  }

  private void models() throws IOException {
    try (Device device = new CpuDevice()) {
      UNetConfig config =
          UNetConfig.fromJson(
              """
              {"image_size":4,"in_channels":1,"model_channels":32,"out_channels":1,"num_res_blocks":1,
               "attention_resolutions":[4],"channel_mult":[1,1],"num_classes":3,"cfg":true,"num_heads":1,
               "use_scale_shift_norm":true,"resblock_updown":false,"conv_resample":true,
               "use_new_attention_order":false,"dropout":0.0,"num_head_channels":null,"guidance_embed_dim":null}
              """);
      ModelCard card = ModelCard.teacher("x", List.of("a", "b", "c"), Map.of("seed", "1"));
      Path model = folder.resolve(MODEL);
      try (Network<UNetConfig, ModelCard> network = Network.fresh(device, config, card, 1)) {
        network.save(model, card, Dtype.BF16);
      }
      try (SafetensorsFile file = SafetensorsFile.open(model)) {
        byte[] said = Archives.utf8(file.metadata().get("config"));
        byte[] teacher = Archives.utf8(file.metadata().get("card"));
        byte[] student =
            Archives.utf8(
                card.guided(0, 4, Map.of())
                    .student(2, org.halfstep.diffusion.Chain.DETERMINISTIC, Map.of())
                    .toJson());
        seed(Reader.MODEL, "teacher", said, teacher, new byte[0]);
        seed(Reader.MODEL, "student", said, student, new byte[0]);
        seed(
            Reader.MODEL,
            "int8",
            said,
            teacher,
            Archives.utf8(
                "{\"scheme\":\"int8\",\"data\":\"x\",\"images\":1,\"evaluations\":1,\"seed\":0}"));
      }
      seed(
          Reader.SHARDS,
          "one",
          Archives.utf8(
              "{\"metadata\":{\"total_size\":1},"
                  + "\"weight_map\":{\"out.2.bias\":\"one.safetensors\"}}"));
      seed(Reader.MODEL_MAPPED, "teacher", Files.readAllBytes(model));
      Path classifier = folder.resolve(CLASSIFIER);
      try (Network<ClassifierConfig, ClassifierCard> made =
          Network.fresh(
              device,
              new ClassifierConfig(SIDE, 1, 3, List.of(8, 8)),
              new ClassifierCard("x", List.of("a", "b", "c"), Map.of()),
              1)) {
        made.save(classifier, made.card(), Dtype.F32);
      }
      try (SafetensorsFile file = SafetensorsFile.open(classifier)) {
        seed(
            Reader.CLASSIFIER,
            "whole",
            Archives.utf8(file.metadata().get("config")),
            Archives.utf8(file.metadata().get("card")));
      }
    }
  }

  private void tensors() throws IOException {
    Path file = folder.resolve("tensors.safetensors");
    SafetensorsWriter.write(
        file,
        List.of(
            NamedTensor.f32("a", new long[] {2, 2}, 1, 2, 3, 4),
            NamedTensor.i64("b", new long[] {}, 7),
            NamedTensor.f32("none", new long[] {0})),
        Map.of("format", "x"));
    byte[] bytes = Files.readAllBytes(file);
    seed(Reader.SAFETENSORS, "three", bytes);
    // A product with a numbered matrix, a bias, and whole numbers.
    String model =
        "CAg6zAEKNQoBeAoOb25ueDo6TWF0TXVsXzcSAXkaFS9sYXllci4wL2RlbnNlL01hdE11bCIGTWF0TXVsEgFnKjAIAggD"
            + "EAFCDm9ubng6Ok1hdE11bF83ShgAAAAAAACAPwAAAEAAAEBAAACAQAAAoEAqJggDEAFCEmxheWVyLjAuZGVuc2Uu"
            + "Ymlhc0oMAAAAAAAAgD8AAABAKjYIAQgEEAdCDHBvc2l0aW9uX2lkc0ogAAAAAAAAAAABAAAAAAAAAAIAAAAAAAAA"
            + "AwAAAAAAAABCAhAR";
    seed(Reader.ONNX, "three", Base64.getDecoder().decode(model));
    seed(
        Reader.SAFETENSORS_HEADER,
        "two",
        Archives.utf8(
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,4],\"data_offsets\":[0,32]},"
                + "\"b\":{\"dtype\":\"BF16\",\"shape\":[16],\"data_offsets\":[32,64]}}"));
  }

  private void torch() throws IOException {
    String pickle =
        "\u0080\u0002}q\0(X\1\0\0\0aq\1ctorch._utils\n_rebuild_tensor_v2\nq\2((X\7\0\0\0storageq\3"
            + "ctorch\nFloatStorage\nq\4X\1\0\0\0000q\5X\3\0\0\0cpuq\6K\u0018tq\7QK\0K\u0002K\u0003K\u0004\u0087"
            + "q\u0008K\u000cK\u0004K\u0001\u0087q\u0009\u0089ccollections\nOrderedDict\nq\n)Rq\u000btq\u000cRq\ru.";
    byte[] bytes = pickle.getBytes(StandardCharsets.ISO_8859_1);
    seed(Reader.TORCH_PICKLE, "one", bytes);
    String trainer =
        "\u0080\u0002}(X\n\0\0\0state_dict"
            + pickle.substring(2, pickle.length() - 1)
            + "X\1\0\0\0oca.b\nC\n)\u0081}X\1\0\0\0aK\1sbX\1\0\0\0p\u008f(K\1\u0090X\1\0\0\0qca\nD\n)R(K\1K\2uu.";
    seed(Reader.TORCH_PICKLE, "trainer", trainer.getBytes(StandardCharsets.ISO_8859_1));
    String single =
        pickle.replace("X\1\0\0\0a", "X+\0\0\0model.diffusion_model.input_blocks.0.0.bias");
    seed(Reader.SINGLE_PICKLE, "one", single.getBytes(StandardCharsets.ISO_8859_1));
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put("x/data.pkl", bytes);
    entries.put("x/data/0", new byte[96]);
    seed(Reader.TORCH, "archive", Archives.zip(entries));
    String legacy =
        "\u0080\u0002\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P\u0019.\u0080\u0002M\u00e9\u0003."
            + "\u0080\u0002}X\r\0\0\0little_endian\u0088s."
            + pickle.replace("QK\0K\2K\3K\4", "QK\0K\2K\3K\4")
            + "\u0080\u0002]X\1\0\0\0000a.";
    ByteBuffer all = ByteBuffer.allocate(legacy.length() + 8 + 96);
    all.order(java.nio.ByteOrder.LITTLE_ENDIAN);
    all.put(legacy.getBytes(StandardCharsets.ISO_8859_1)).putLong(24);
    seed(Reader.TORCH, "legacy", all.array());
  }

  /** A digest as an array. */
  static byte[] hash() {
    return npy(NpyType.UINT8, new byte[32], 32);
  }

  private static byte[] npy(NpyType type, byte[] data, long... shape) {
    byte[] header = NpyHeader.bytes(type, shape);
    return ByteBuffer.allocate(header.length + data.length).put(header).put(data).array();
  }

  private void arrays() throws IOException {
    Path file = folder.resolve("arrays.npz");
    NpzFile.write(
        file,
        writer -> {
          writer.add("mu", NpyArray.of(new double[] {1, 2}, 2));
          writer.add("sigma", NpyArray.of(new double[] {1, 0, 0, 1}, 2, 2));
        });
    seed(Reader.NPZ, "statistics", Files.readAllBytes(file));
    Path samples = folder.resolve("samples.npz");
    ImageBatch batch = new ImageBatch(2, SIDE, SIDE, 1, new byte[2 * SIDE * SIDE]);
    SampleBatchFile.write(samples, 2, Optional.of(new int[] {0, 1}), () -> batch);
    seed(Reader.NPZ, "samples", Files.readAllBytes(samples));
    seed(Reader.NPZ_ARRAY, "doubles", npy(NpyType.FLOAT64, new byte[48], 2, 3));
    seed(
        Reader.NPZ_ARRAY,
        "fortran",
        new String(npy(NpyType.INT32, new byte[24], 2, 3), StandardCharsets.ISO_8859_1)
            .replace("False", "True ")
            .replace('<', '>')
            .getBytes(StandardCharsets.ISO_8859_1));
    seed(
        Reader.SAMPLES,
        "two",
        npy(NpyType.UINT8, new byte[2 * SIDE * SIDE], 2, SIDE, SIDE, 1),
        npy(NpyType.INT64, new byte[16], 2));
    seed(
        Reader.REFERENCE,
        "whole",
        npy(NpyType.FLOAT64, new byte[16], 2),
        npy(NpyType.FLOAT64, new byte[32], 2, 2),
        npy(NpyType.FLOAT32, new byte[24], 3, 2),
        npy(NpyType.INT64, new byte[] {3, 0, 0, 0, 0, 0, 0, 0}, 1));
  }

  private void images() throws IOException {
    byte[] pixels =
        ByteBuffer.allocate(16 + 2 * SIDE * SIDE)
            .putInt(0x803)
            .putInt(2)
            .putInt(SIDE)
            .putInt(SIDE)
            .array();
    byte[] labels = ByteBuffer.allocate(10).putInt(0x801).putInt(2).array();
    seed(Reader.IDX, "plain", pixels, labels, Archives.utf8("a\nb\n"));
    seed(Reader.IDX, "packed", gzip(pixels), gzip(labels), Archives.utf8("\ufeffa\r\nb\r\n"));
    seed(Reader.CIFAR, "names", Archives.utf8("a\nb\n"), new byte[3074]);
    BufferedImage colour = new BufferedImage(6, 5, BufferedImage.TYPE_INT_RGB);
    BufferedImage grey = new BufferedImage(6, 5, BufferedImage.TYPE_BYTE_GRAY);
    BufferedImage bits = new BufferedImage(6, 5, BufferedImage.TYPE_BYTE_BINARY);
    BufferedImage clear = new BufferedImage(6, 5, BufferedImage.TYPE_INT_ARGB);
    BufferedImage deep = new BufferedImage(6, 5, BufferedImage.TYPE_USHORT_GRAY);
    int number = 0;
    for (BufferedImage image : List.of(colour, grey, bits, clear, deep)) {
      seed(Reader.PICTURE, "png-" + number, encoded(image, "png"));
      seed(Reader.PNG_PARTS, "png-" + number, encoded(image, "png"));
      number++;
    }
    seed(Reader.PICTURE, "jpg-colour", encoded(colour, "jpg"));
    seed(Reader.PICTURE, "jpg-grey", encoded(grey, "jpg"));
    seed(Reader.PICTURE, "jpg-lying", lying(encoded(colour, "jpg")));
    seed(Reader.PNG_PARTS, "png-lying", lyingPng(encoded(colour, "png")));
    seed(Reader.PICTURE_FOLDER, "two", encoded(colour, "png"), encoded(grey, "jpg"));
    Path text = folder.resolve("text.png");
    new ImageGrid(1, 0, 1)
        .write(
            text,
            new ImageBatch(1, SIDE, SIDE, 1, new byte[SIDE * SIDE]),
            Map.of("seed", "1", "title", "caf\u00e9 \u6f22"));
    seed(Reader.PNG_TEXT, "text", Files.readAllBytes(text));
  }

  /** EXIF that says no more than that the picture lies on its side. */
  private static byte[] exif() {
    return ByteBuffer.allocate(26)
        .putShort((short) 0x4d4d)
        .putShort((short) 42)
        .putInt(8)
        .putShort((short) 1)
        .putShort((short) 0x0112)
        .putShort((short) 3)
        .putInt(1)
        .putShort((short) 6)
        .putShort((short) 0)
        .putInt(0)
        .array();
  }

  private static byte[] lying(byte[] jpeg) {
    byte[] exif = exif();
    return ByteBuffer.allocate(jpeg.length + 10 + exif.length)
        .put(jpeg, 0, 2)
        .putShort((short) 0xffe1)
        .putShort((short) (8 + exif.length))
        .put(Archives.utf8("Exif\0\0"))
        .put(exif)
        .put(jpeg, 2, jpeg.length - 2)
        .array();
  }

  /** The part stands behind the header; its checksum is made right later. */
  private static byte[] lyingPng(byte[] png) {
    int header = 8 + 12 + 13;
    byte[] exif = exif();
    return ByteBuffer.allocate(png.length + 12 + exif.length)
        .put(png, 0, header)
        .putInt(exif.length)
        .put(Archives.utf8("eXIf"))
        .put(exif)
        .putInt(0)
        .put(png, header, png.length - header)
        .array();
  }

  private static byte[] encoded(BufferedImage image, String format) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ImageIO.write(image, format, out);
    return out.toByteArray();
  }

  private static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    }
    return out.toByteArray();
  }

  private void texts() throws IOException {
    seed(
        Reader.CONFIGURATION,
        "some",
        Archives.utf8(
            """
            {"teacher":{"network":{"image_size":8,"channel_mult":[1,2]},"run":{"batch":8,"updates":20,
             "learningRate":1e-3,"weighting":"SNR_PLUS_1","precision":null},"labelDropout":0.1,"mirror":false},
             "distillation":{"guidance":{"min":0.0,"max":4.0},"teacherSteps":8,"lastSteps":1},
             "classifier":{"network":{"widths":[8,16]},"optimizer":{"beta1":0.9}}}
            """));
    seed(
        Reader.PROGRESS,
        "older",
        Archives.utf8(
            """
            {"phase":"teacher","stage":0,"update":3,"optimizerUpdates":3,"fingerprint":"f","device":"cpu"}
            """));
    seed(
        Reader.PROGRESS,
        "parts",
        Archives.utf8(
            """
            {"phase":"teacher","stage":0,"update":3,"optimizerUpdates":3,"fingerprint":"f","device":"cpu",
             "teacher":null,"model":null,"parts":{"weights.safetensors":{"bytes":1,"sha256":"0"}}}
            """));
    seed(
        Reader.RESULTS,
        "one",
        Archives.utf8(
            """
            {"measurements":[{"model":"m","weights":"w","int8":false,"teacher":true,"steps":4,"guidance":1.0,
             "seed":0,"quality":{"samples":20,"fid":1.0,"inceptionScore":1.0,"inceptionScoreDeviation":0.0,
             "kid":"NaN","kidDeviation":"NaN","precision":"NaN","recall":"NaN"},"reference":"r",
             "referenceImages":1,"extractor":"e","extractorSha256":"0","device":"d","machine":"m","version":"1",
             "command":"c","date":"d"}],"timings":[{"model":"m","weights":"w","int8":false,"steps":4,
             "evaluations":8,"batch":1,"milliseconds":1.0,"least":1.0,"greatest":1.0,"runs":3,"device":"d",
             "machine":"m","command":"c","date":"d"}]}
            """));
    Path plan = CudnnPlanCacheReading.store(folder.resolve("plans"));
    seed(Reader.PLAN_CACHE, "one", Files.readAllBytes(plan));
  }
}
