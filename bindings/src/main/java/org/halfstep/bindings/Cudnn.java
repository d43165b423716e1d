package org.halfstep.bindings;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * cuDNN's graph API (its header {@code cudnn_graph.h}, cuDNN 9), as far as it is used here. Names,
 * arguments and order are those of C; a pointer that C calls an output is a segment of one address.
 *
 * <p>Functions that return a status in C return nothing here and throw {@link CudnnException} when
 * it is not success. {@link CudaLibrary#CUDNN} should be loaded first: this class needs it when it
 * is initialised, and an error there would come wrapped.
 */
@SuppressWarnings("restricted") // binding C functions is what this class is for
public final class Cudnn {
  private Cudnn() {}

  public static final int CUDNN_STATUS_SUCCESS = 0;

  public static final int CUDNN_DATA_FLOAT = 0;
  public static final int CUDNN_DATA_BFLOAT16 = 9;
  public static final int CUDNN_CROSS_CORRELATION = 1;
  public static final int CUDNN_POINTWISE_ADD = 0;
  public static final int CUDNN_POINTWISE_MUL = 1;
  public static final int CUDNN_POINTWISE_SUB = 9;
  public static final int CUDNN_POINTWISE_EXP = 13;
  public static final int CUDNN_POINTWISE_RELU_FWD = 100;
  public static final int CUDNN_REDUCE_TENSOR_ADD = 0;

  public static final int CUDNN_HEUR_MODE_B = 1;
  public static final int CUDNN_HEUR_MODE_FALLBACK = 2;
  public static final int CUDNN_HEUR_MODE_A = 3;

  public static final int CUDNN_NUMERICAL_NOTE_TENSOR_CORE = 0;
  public static final int CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS = 1;
  public static final int CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION = 2;
  public static final int CUDNN_NUMERICAL_NOTE_FFT = 3;
  public static final int CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC = 4;
  public static final int CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6 = 7;
  public static final int CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13 = 8;
  public static final int CUDNN_NUMERICAL_NOTE_TYPE_COUNT = 10;

  public static final int CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION = 0;

  public static final int CUDNN_TYPE_HANDLE = 0;
  public static final int CUDNN_TYPE_DATA_TYPE = 1;
  public static final int CUDNN_TYPE_BOOLEAN = 2;
  public static final int CUDNN_TYPE_INT64 = 3;
  public static final int CUDNN_TYPE_FLOAT = 4;
  public static final int CUDNN_TYPE_VOID_PTR = 6;
  public static final int CUDNN_TYPE_CONVOLUTION_MODE = 7;
  public static final int CUDNN_TYPE_HEUR_MODE = 8;
  public static final int CUDNN_TYPE_KNOB_TYPE = 9;
  public static final int CUDNN_TYPE_NUMERICAL_NOTE = 11;
  public static final int CUDNN_TYPE_POINTWISE_MODE = 14;
  public static final int CUDNN_TYPE_BACKEND_DESCRIPTOR = 15;
  public static final int CUDNN_TYPE_REDUCTION_OPERATOR_TYPE = 18;
  public static final int CUDNN_TYPE_BEHAVIOR_NOTE = 19;
  public static final int CUDNN_TYPE_CHAR = 24;

  public static final int CUDNN_BACKEND_POINTWISE_DESCRIPTOR = 0;
  public static final int CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR = 1;
  public static final int CUDNN_BACKEND_ENGINE_DESCRIPTOR = 2;
  public static final int CUDNN_BACKEND_ENGINECFG_DESCRIPTOR = 3;
  public static final int CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR = 4;
  public static final int CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR = 5;
  public static final int CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR = 7;
  public static final int CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR = 10;
  public static final int CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR = 11;
  public static final int CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR = 12;
  public static final int CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR = 13;
  public static final int CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR = 15;
  public static final int CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR = 16;
  public static final int CUDNN_BACKEND_TENSOR_DESCRIPTOR = 17;
  public static final int CUDNN_BACKEND_MATMUL_DESCRIPTOR = 18;
  public static final int CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR = 19;
  public static final int CUDNN_BACKEND_REDUCTION_DESCRIPTOR = 21;
  public static final int CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR = 22;
  public static final int CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR = 31;
  public static final int CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR = 38;
  public static final int CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR = 41;

  public static final int CUDNN_ATTR_POINTWISE_MODE = 0;
  public static final int CUDNN_ATTR_POINTWISE_MATH_PREC = 1;
  public static final int CUDNN_ATTR_CONVOLUTION_COMP_TYPE = 100;
  public static final int CUDNN_ATTR_CONVOLUTION_CONV_MODE = 101;
  public static final int CUDNN_ATTR_CONVOLUTION_DILATIONS = 102;
  public static final int CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES = 103;
  public static final int CUDNN_ATTR_CONVOLUTION_POST_PADDINGS = 104;
  public static final int CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS = 105;
  public static final int CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS = 106;
  public static final int CUDNN_ATTR_ENGINEHEUR_MODE = 200;
  public static final int CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH = 201;
  public static final int CUDNN_ATTR_ENGINEHEUR_RESULTS = 202;
  public static final int CUDNN_ATTR_ENGINEHEUR_DEVICEPROP = 204;
  public static final int CUDNN_ATTR_ENGINECFG_ENGINE = 300;
  public static final int CUDNN_ATTR_ENGINECFG_KNOB_CHOICES = 302;
  public static final int CUDNN_ATTR_EXECUTION_PLAN_HANDLE = 400;
  public static final int CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG = 401;
  public static final int CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE = 402;
  public static final int CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION = 405;
  public static final int CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP = 407;
  public static final int CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE = 600;
  public static final int CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE = 601;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA = 700;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA = 701;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC = 702;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W = 703;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X = 704;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y = 705;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA = 706;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA = 707;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC = 708;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W = 709;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX = 710;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY = 711;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA = 712;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA = 713;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC = 714;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW = 715;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X = 716;
  public static final int CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY = 717;
  public static final int CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR = 750;
  public static final int CUDNN_ATTR_OPERATION_POINTWISE_XDESC = 751;
  public static final int CUDNN_ATTR_OPERATION_POINTWISE_BDESC = 752;
  public static final int CUDNN_ATTR_OPERATION_POINTWISE_YDESC = 753;
  public static final int CUDNN_ATTR_OPERATIONGRAPH_HANDLE = 800;
  public static final int CUDNN_ATTR_OPERATIONGRAPH_OPS = 801;
  public static final int CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT = 900;
  public static final int CUDNN_ATTR_TENSOR_DATA_TYPE = 901;
  public static final int CUDNN_ATTR_TENSOR_DIMENSIONS = 902;
  public static final int CUDNN_ATTR_TENSOR_STRIDES = 903;
  public static final int CUDNN_ATTR_TENSOR_UNIQUE_ID = 906;
  public static final int CUDNN_ATTR_TENSOR_IS_VIRTUAL = 907;
  public static final int CUDNN_ATTR_TENSOR_IS_BY_VALUE = 908;
  public static final int CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS = 1000;
  public static final int CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS = 1001;
  public static final int CUDNN_ATTR_VARIANT_PACK_WORKSPACE = 1003;
  public static final int CUDNN_ATTR_ENGINE_GLOBAL_INDEX = 1301;
  public static final int CUDNN_ATTR_ENGINE_NUMERICAL_NOTE = 1303;
  public static final int CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE = 1305;
  public static final int CUDNN_ATTR_MATMUL_COMP_TYPE = 1500;
  public static final int CUDNN_ATTR_OPERATION_MATMUL_ADESC = 1520;
  public static final int CUDNN_ATTR_OPERATION_MATMUL_BDESC = 1521;
  public static final int CUDNN_ATTR_OPERATION_MATMUL_CDESC = 1522;
  public static final int CUDNN_ATTR_OPERATION_MATMUL_DESC = 1523;
  public static final int CUDNN_ATTR_REDUCTION_OPERATOR = 1600;
  public static final int CUDNN_ATTR_REDUCTION_COMP_TYPE = 1601;
  public static final int CUDNN_ATTR_OPERATION_REDUCTION_XDESC = 1610;
  public static final int CUDNN_ATTR_OPERATION_REDUCTION_YDESC = 1611;
  public static final int CUDNN_ATTR_OPERATION_REDUCTION_DESC = 1612;
  public static final int CUDNN_ATTR_OPERATION_RESHAPE_XDESC = 2200;
  public static final int CUDNN_ATTR_OPERATION_RESHAPE_YDESC = 2201;
  public static final int CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION = 2702;
  public static final int CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC = 2800;
  public static final int CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC = 2801;
  public static final int CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC = 2802;
  public static final int CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC = 2803;
  public static final int CUDNN_ATTR_OPERATION_SDPA_FWD_STATSDESC = 2804;
  public static final int CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC = 2805;

  private static final int MESSAGE_BYTES = 2048;

  private static final MethodHandle cudnnGetVersion =
      handle("cudnnGetVersion", FunctionDescriptor.of(JAVA_LONG));
  private static final MethodHandle cudnnGetErrorString =
      handle("cudnnGetErrorString", FunctionDescriptor.of(ADDRESS, JAVA_INT));
  private static final MethodHandle cudnnGetLastErrorString =
      handle("cudnnGetLastErrorString", FunctionDescriptor.ofVoid(ADDRESS, JAVA_LONG));
  private static final MethodHandle cudnnCreate =
      handle("cudnnCreate", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle cudnnDestroy =
      handle("cudnnDestroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle cudnnSetStream =
      handle("cudnnSetStream", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle cudnnBackendCreateDescriptor =
      handle("cudnnBackendCreateDescriptor", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle cudnnBackendDestroyDescriptor =
      handle("cudnnBackendDestroyDescriptor", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle cudnnBackendFinalize =
      handle("cudnnBackendFinalize", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle cudnnBackendSetAttribute =
      handle(
          "cudnnBackendSetAttribute",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS));
  private static final MethodHandle cudnnBackendGetAttribute =
      handle(
          "cudnnBackendGetAttribute",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS));
  private static final MethodHandle cudnnBackendExecute =
      handle("cudnnBackendExecute", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));

  /** Major * 10000 + minor * 100 + patch level. */
  public static long cudnnGetVersion() {
    try {
      return (long) cudnnGetVersion.invokeExact();
    } catch (Throwable failure) {
      throw unexpected("cudnnGetVersion", failure);
    }
  }

  /** A text that lives as long as the process. */
  public static MemorySegment cudnnGetErrorString(int status) {
    try {
      return (MemorySegment) cudnnGetErrorString.invokeExact(status);
    } catch (Throwable failure) {
      throw unexpected("cudnnGetErrorString", failure);
    }
  }

  /** Writes the last error of the calling thread, terminated, into {@code maxSize} bytes. */
  public static void cudnnGetLastErrorString(MemorySegment message, long maxSize) {
    try {
      cudnnGetLastErrorString.invokeExact(message, maxSize);
    } catch (Throwable failure) {
      throw unexpected("cudnnGetLastErrorString", failure);
    }
  }

  public static void cudnnCreate(MemorySegment handle) {
    int status;
    try {
      status = (int) cudnnCreate.invokeExact(handle);
    } catch (Throwable failure) {
      throw unexpected("cudnnCreate", failure);
    }
    check("cudnnCreate", status);
  }

  public static void cudnnDestroy(MemorySegment handle) {
    int status;
    try {
      status = (int) cudnnDestroy.invokeExact(handle);
    } catch (Throwable failure) {
      throw unexpected("cudnnDestroy", failure);
    }
    check("cudnnDestroy", status);
  }

  public static void cudnnSetStream(MemorySegment handle, MemorySegment streamId) {
    int status;
    try {
      status = (int) cudnnSetStream.invokeExact(handle, streamId);
    } catch (Throwable failure) {
      throw unexpected("cudnnSetStream", failure);
    }
    check("cudnnSetStream", status);
  }

  public static void cudnnBackendCreateDescriptor(int descriptorType, MemorySegment descriptor) {
    int status;
    try {
      status = (int) cudnnBackendCreateDescriptor.invokeExact(descriptorType, descriptor);
    } catch (Throwable failure) {
      throw unexpected("cudnnBackendCreateDescriptor", failure);
    }
    check("cudnnBackendCreateDescriptor", status);
  }

  public static void cudnnBackendDestroyDescriptor(MemorySegment descriptor) {
    int status;
    try {
      status = (int) cudnnBackendDestroyDescriptor.invokeExact(descriptor);
    } catch (Throwable failure) {
      throw unexpected("cudnnBackendDestroyDescriptor", failure);
    }
    check("cudnnBackendDestroyDescriptor", status);
  }

  public static void cudnnBackendFinalize(MemorySegment descriptor) {
    int status;
    try {
      status = (int) cudnnBackendFinalize.invokeExact(descriptor);
    } catch (Throwable failure) {
      throw unexpected("cudnnBackendFinalize", failure);
    }
    check("cudnnBackendFinalize", status);
  }

  public static void cudnnBackendSetAttribute(
      MemorySegment descriptor,
      int attributeName,
      int attributeType,
      long elementCount,
      MemorySegment arrayOfElements) {
    int status;
    try {
      status =
          (int)
              cudnnBackendSetAttribute.invokeExact(
                  descriptor, attributeName, attributeType, elementCount, arrayOfElements);
    } catch (Throwable failure) {
      throw unexpected("cudnnBackendSetAttribute", failure);
    }
    check("cudnnBackendSetAttribute", status);
  }

  public static void cudnnBackendGetAttribute(
      MemorySegment descriptor,
      int attributeName,
      int attributeType,
      long requestedElementCount,
      MemorySegment elementCount,
      MemorySegment arrayOfElements) {
    int status;
    try {
      status =
          (int)
              cudnnBackendGetAttribute.invokeExact(
                  descriptor,
                  attributeName,
                  attributeType,
                  requestedElementCount,
                  elementCount,
                  arrayOfElements);
    } catch (Throwable failure) {
      throw unexpected("cudnnBackendGetAttribute", failure);
    }
    check("cudnnBackendGetAttribute", status);
  }

  public static void cudnnBackendExecute(
      MemorySegment handle, MemorySegment executionPlan, MemorySegment variantPack) {
    int status;
    try {
      status = (int) cudnnBackendExecute.invokeExact(handle, executionPlan, variantPack);
    } catch (Throwable failure) {
      throw unexpected("cudnnBackendExecute", failure);
    }
    check("cudnnBackendExecute", status);
  }

  private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
    return CudaLibrary.CUDNN.function(name, descriptor);
  }

  private static void check(String function, int status) {
    if (status != CUDNN_STATUS_SUCCESS) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment message = arena.allocate(MESSAGE_BYTES);
        cudnnGetLastErrorString(message, MESSAGE_BYTES);
        throw new CudnnException(
            function,
            status,
            cudnnGetErrorString(status).reinterpret(Long.MAX_VALUE).getString(0),
            message.getString(0));
      }
    }
  }

  private static RuntimeException unexpected(String function, Throwable failure) {
    if (failure instanceof Error error) {
      throw error;
    }
    return new IllegalStateException(function + " could not be called: " + failure, failure);
  }
}
