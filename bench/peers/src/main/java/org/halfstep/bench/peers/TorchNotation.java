package org.halfstep.bench.peers;

import java.util.LinkedHashMap;
import java.util.Map;
import org.halfstep.safetensors.Tensors;

/**
 * A network as the text of a TorchScript method, in the operators that PyTorch's own modules call.
 * Parameters are attributes of the module, whose names have "_" where the checkpoint has ".".
 */
final class TorchNotation implements Notation {
  private static final int GROUPS = 32;

  /** torch.float32 and torch.float64 as TorchScript numbers them. */
  private static final int FLOAT = 6;

  private static final int DOUBLE = 7;
  private static final String INDENT = "    ";

  private final Tensors parameters;
  private final StringBuilder body = new StringBuilder();
  private final Map<String, long[]> used = new LinkedHashMap<>();
  private int values;

  /**
   * @param parameters asked for shapes alone
   */
  TorchNotation(Tensors parameters) {
    this.parameters = parameters;
  }

  /** The method's text. */
  String method(String out) {
    return "def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:\n"
        + body
        + INDENT
        + "return "
        + out
        + "\n";
  }

  /** The parameters that the method reads, with the shapes that its operators want. */
  Map<String, long[]> parameters() {
    return used;
  }

  /** What a parameter is called in the module. */
  static String attribute(String name) {
    return name.replace('.', '_');
  }

  private String parameter(String name, long... shape) {
    used.put(name, shape);
    return "self." + attribute(name);
  }

  private long[] shape(String name) {
    return parameters.find(name).orElseThrow().shape();
  }

  private String line(String expression) {
    String name = "v" + values++;
    body.append(INDENT).append(name).append(" = ").append(expression).append('\n');
    return name;
  }

  private String call(String operator, Object... arguments) {
    StringBuilder text = new StringBuilder("torch.").append(operator).append('(');
    for (int i = 0; i < arguments.length; i++) {
      text.append(i == 0 ? "" : ", ").append(arguments[i]);
    }
    return line(text.append(')').toString());
  }

  @Override
  public String sinusoid(String times, int width) {
    int half = width / 2;
    // In double, then float, as all engines have them: a time of 700 shows the last bit.
    String steps = call("arange", half, "dtype=" + DOUBLE);
    String exact = call("exp", line(steps + " * " + -Math.log(10_000) / half));
    String frequencies = call("to", exact, FLOAT);
    String angles = line(call("unsqueeze", times, 1) + " * " + frequencies);
    return call("cat", "[" + call("cos", angles) + ", " + call("sin", angles) + "]", 1);
  }

  @Override
  public String rows(String table, String numbers) {
    return call("embedding", parameter(table, shape(table)), numbers);
  }

  @Override
  public String linear(String x, String name) {
    String weight = parameter(name + ".weight", shape(name + ".weight"));
    return call("linear", x, weight, parameter(name + ".bias", shape(name + ".bias")));
  }

  @Override
  public String convolution(String x, String name, int kernel) {
    long[] shape = shape(name + ".weight");
    String weight = parameter(name + ".weight", shape[0], shape[1], kernel, kernel);
    String bias = parameter(name + ".bias", shape(name + ".bias"));
    int pad = kernel / 2;
    return call("conv2d", x, weight, bias, "[1, 1]", "[" + pad + ", " + pad + "]");
  }

  @Override
  public String groupNorm(String x, String name, int channels, int side) {
    String weight = parameter(name + ".weight", channels);
    return call("group_norm", x, GROUPS, weight, parameter(name + ".bias", channels), "1e-05");
  }

  @Override
  public String modulated(String x, String embedding, int channels) {
    String pixels = call("unsqueeze", call("unsqueeze", embedding, -1), -1);
    String halves = call("chunk", pixels, 2, 1);
    return line(x + " * (" + halves + "[0] + 1) + " + halves + "[1]");
  }

  @Override
  public String silu(String x) {
    return call("silu", x);
  }

  @Override
  public String add(String a, String b) {
    return line(a + " + " + b);
  }

  @Override
  public String concatenated(String a, String b) {
    return call("cat", "[" + a + ", " + b + "]", 1);
  }

  @Override
  public String halved(String x) {
    return call("avg_pool2d", x, "[2, 2]");
  }

  @Override
  public String doubled(String x) {
    return call("upsample_nearest2d", x, "None", "[2.0, 2.0]");
  }

  @Override
  public String attention(String qkv, int channels, int headChannels, int side) {
    int heads = channels / headChannels;
    String shape = "[-1, 3, " + heads + ", " + headChannels + ", " + side * side + "]";
    String tokens = call("transpose", call("reshape", qkv, shape), 3, 4);
    String parts = call("unbind", tokens, 1);
    String mixed =
        call("scaled_dot_product_attention", parts + "[0]", parts + "[1]", parts + "[2]");
    return call(
        "reshape",
        call("transpose", mixed, 2, 3),
        "[-1, " + channels + ", " + side + ", " + side + "]");
  }
}
