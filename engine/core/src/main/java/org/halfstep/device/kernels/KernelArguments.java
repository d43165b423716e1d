package org.halfstep.device.kernels;

import static org.halfstep.device.kernels.KernelOperations.at;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.halfstep.bindings.Kernels;
import org.halfstep.bindings.hs_adam;
import org.halfstep.bindings.hs_attention;
import org.halfstep.bindings.hs_group_norm;
import org.halfstep.device.AdamSettings;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.GroupNormShape;

/** Argument structs of the kernels that take one, filled once when a launch is bound. */
final class KernelArguments {
  private KernelArguments() {}

  /**
   * @param gradients null for the forward pass
   */
  static MemorySegment groupNorm(
      Arena arena,
      GroupNormShape shape,
      int dtype,
      GroupNormShape.Memory memory,
      GroupNormShape.Gradients gradients) {
    MemorySegment args = hs_group_norm.allocate(arena);
    hs_group_norm.n(args, shape.batch());
    hs_group_norm.hw(args, shape.pixels());
    hs_group_norm.c0(args, shape.channels0());
    hs_group_norm.c1(args, shape.channels1());
    hs_group_norm.groups(args, shape.groups());
    hs_group_norm.silu(args, shape.silu() ? 1 : 0);
    hs_group_norm.dtype(args, dtype);
    hs_group_norm.eps(args, shape.eps());
    hs_group_norm.x0(args, at(memory.x0()));
    hs_group_norm.x1(args, at(memory.x1()));
    hs_group_norm.weight(args, at(memory.weight()));
    hs_group_norm.bias(args, at(memory.bias()));
    hs_group_norm.modulation(args, at(memory.modulation()));
    hs_group_norm.modulation_stride(args, memory.modulationStride());
    hs_group_norm.y(args, at(memory.y()));
    hs_group_norm.stats(args, at(memory.statistics()));
    hs_group_norm.workspace(args, at(memory.workspace()));
    if (gradients != null) {
      hs_group_norm.dy(args, at(gradients.dy()));
      hs_group_norm.dx0(args, at(gradients.dx0()));
      hs_group_norm.dx1(args, at(gradients.dx1()));
      hs_group_norm.accumulate0(args, gradients.accumulate0() ? 1 : 0);
      hs_group_norm.accumulate1(args, gradients.accumulate1() ? 1 : 0);
      hs_group_norm.dweight(args, at(gradients.dweight()));
      hs_group_norm.dbias(args, at(gradients.dbias()));
      hs_group_norm.dmodulation(args, at(gradients.dmodulation()));
      hs_group_norm.dmodulation_stride(args, gradients.dmodulationStride());
      hs_group_norm.workspace(args, at(gradients.workspace()));
    }
    return args;
  }

  static MemorySegment attention(
      Arena arena,
      AttentionShape shape,
      int dtype,
      long qkv,
      long y,
      long logSumExp,
      long dy,
      long dqkv,
      long workspace) {
    MemorySegment args = hs_attention.allocate(arena);
    hs_attention.n(args, shape.batch());
    hs_attention.t(args, shape.tokens());
    hs_attention.heads(args, shape.heads());
    hs_attention.d(args, shape.headChannels());
    hs_attention.order(
        args, shape.newOrder() ? Kernels.HS_ATTENTION_NEW : Kernels.HS_ATTENTION_LEGACY);
    hs_attention.dtype(args, dtype);
    hs_attention.qkv(args, at(qkv));
    hs_attention.y(args, at(y));
    hs_attention.logsumexp(args, at(logSumExp));
    hs_attention.dy(args, at(dy));
    hs_attention.dqkv(args, at(dqkv));
    hs_attention.workspace(args, at(workspace));
    return args;
  }

  /** An optimizer step, but for what it reads from device memory. */
  static MemorySegment adam(
      Arena arena,
      AdamSettings settings,
      long parameters,
      long gradients,
      long m,
      long v,
      long ema,
      long count) {
    MemorySegment args = hs_adam.allocate(arena);
    hs_adam.count(args, count);
    hs_adam.beta1(args, settings.beta1());
    hs_adam.beta2(args, settings.beta2());
    hs_adam.eps(args, settings.eps());
    hs_adam.weight_decay(args, settings.weightDecay());
    hs_adam.decoupled(args, settings.decoupled() ? 1 : 0);
    hs_adam.p(args, at(parameters));
    hs_adam.g(args, at(gradients));
    hs_adam.m(args, at(m));
    hs_adam.v(args, at(v));
    hs_adam.ema(args, at(ema));
    return args;
  }
}
