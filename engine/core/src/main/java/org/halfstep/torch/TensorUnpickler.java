package org.halfstep.torch;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import net.razorvine.pickle.IObjectConstructor;
import net.razorvine.pickle.Opcodes;
import net.razorvine.pickle.PickleException;
import net.razorvine.pickle.Unpickler;
import org.halfstep.safetensors.Dtype;

/**
 * Reads pickles of dictionaries of tensors. A pickle is a program: of its instructions only those
 * that build plain values are carried out, and of the functions it may name only the constructors
 * of tensors and of dictionaries. What else it makes, such as the callbacks that trainers leave
 * beside the weights, is an opaque object: the class is not looked for, and nothing is called. A
 * pickle that asks for what only an attack needs is refused by that name.
 */
final class TensorUnpickler extends Unpickler {
  /**
   * Numbers in memory that tensors are views of.
   *
   * @param key its name in the file
   * @param elements how many numbers
   */
  record Storage(Dtype type, String key, long elements) {}

  /** A view of a storage, row-major as PyTorch counts: in elements. */
  record Tensor(Storage storage, long offset, long[] shape, long[] strides) {}

  /** A class that a storage names; it cannot be called. */
  private record StorageType(Dtype type) {}

  /** Anything else that is named. */
  private record Unknown(String name) {}

  /** What a pickle would have made of something else that it names; nothing is known of it. */
  record Opaque(String name) {}

  private static final String DICTIONARY = "collections.OrderedDict";
  private static final String TENSOR = "torch._utils._rebuild_tensor_v2";
  private static final String PARAMETER = "torch._utils._rebuild_parameter";

  private static final Map<String, Dtype> STORAGES =
      Map.of(
          "torch.FloatStorage", Dtype.F32,
          "torch.DoubleStorage", Dtype.F64,
          "torch.HalfStorage", Dtype.F16,
          "torch.BFloat16Storage", Dtype.BF16,
          "torch.LongStorage", Dtype.I64,
          "torch.IntStorage", Dtype.I32,
          "torch.ShortStorage", Dtype.I16,
          "torch.CharStorage", Dtype.I8,
          "torch.ByteStorage", Dtype.U8,
          "torch.BoolStorage", Dtype.BOOL);

  /** PyTorch's own limit. */
  private static final int MAXIMUM_RANK = 64;

  private static final int LENGTH_BYTES = 4;
  private static final int LONG_LENGTH_BYTES = 8;

  private final Path file;
  private final SegmentStream stream;

  /** Storages by key, in the order in which they appear. */
  private final Map<String, Storage> storages = new LinkedHashMap<>();

  TensorUnpickler(Path file, SegmentStream stream) {
    this.file = file;
    this.stream = stream;
  }

  /** The next pickle of the stream. */
  Object load() throws IOException {
    try {
      Object value = load(stream);
      if (value instanceof Unknown unknown) {
        throw refused(unknown.name());
      }
      return value;
    } catch (TorchFileException refused) {
      throw refused;
    } catch (UncheckedIOException refused) {
      throw refused.getCause();
    } catch (IOException | RuntimeException | StackOverflowError damaged) {
      throw new TorchFileException(
          file, "the pickle is damaged at byte " + stream.position() + reason(damaged), damaged);
    }
  }

  private static String reason(Throwable damaged) {
    return damaged instanceof PickleException && damaged.getMessage() != null
        ? " (" + damaged.getMessage().strip() + ")"
        : "";
  }

  /** What PyTorch calls a storage of a type, without its module. */
  static String storage(Dtype type) {
    return STORAGES.entrySet().stream()
        .filter(entry -> entry.getValue() == type)
        .map(entry -> entry.getKey().substring(entry.getKey().indexOf('.') + 1))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("PyTorch has no storage of " + type));
  }

  Map<String, Storage> storages() {
    return Collections.unmodifiableMap(storages);
  }

  @Override
  protected Object dispatch(short key) throws IOException {
    switch (key) {
      case Opcodes.GLOBAL -> {
        String module = line();
        stack.add(global(module + "." + line()));
      }
      case Opcodes.STACK_GLOBAL -> {
        Object name = stack.pop();
        if (!(stack.pop() instanceof String module) || !(name instanceof String inside)) {
          throw new TorchFileException(file, "the pickle names a function by something else");
        }
        stack.add(global(module + "." + inside));
      }
      case Opcodes.INST -> {
        String module = line();
        throw refused(module + "." + line());
      }
      case Opcodes.BUILD -> {
        stack.pop();
        if (!(stack.peek() instanceof PickledDictionary) && !(stack.peek() instanceof Opaque)) {
          throw new TorchFileException(
              file, "the pickle sets the state of " + describe(stack.peek()));
        }
      }
      case Opcodes.NEWOBJ, Opcodes.NEWOBJ_EX -> {
        stack.pop();
        if (key == Opcodes.NEWOBJ_EX) {
          stack.pop();
        }
        stack.add(opaque(stack.pop()));
      }
      case Opcodes.EMPTY_DICT -> stack.add(new PickledDictionary());
      case Opcodes.SETITEM -> {
        Object value = stack.pop();
        Object name = stack.pop();
        if (!(stack.peek() instanceof Opaque)) {
          dictionary().set(name, value);
        }
      }
      case Opcodes.SETITEMS -> {
        List<Object> items = stack.pop_all_since_marker();
        if (stack.peek() instanceof Opaque) {
          return NO_RETURN_VALUE;
        }
        PickledDictionary dictionary = dictionary();
        for (int i = 0; i + 1 < items.size(); i += 2) {
          dictionary.set(items.get(i), items.get(i + 1));
        }
      }
      case Opcodes.APPEND -> {
        Object item = stack.pop();
        if (!(stack.peek() instanceof Opaque)) {
          list().add(item);
        }
      }
      case Opcodes.APPENDS -> {
        List<Object> items = stack.pop_all_since_marker();
        if (!(stack.peek() instanceof Opaque)) {
          list().addAll(items);
        }
      }
      // What is in a set could be made to take for ever to hash.
      case Opcodes.EMPTY_SET -> stack.add(new Opaque("set"));
      case Opcodes.ADDITEMS -> {
        stack.pop_all_since_marker();
        if (!(stack.peek() instanceof Opaque)) {
          throw new TorchFileException(
              file, "the pickle adds to " + describe(stack.peek()) + ", expected a set");
        }
      }
      case Opcodes.FROZENSET -> {
        stack.pop_all_since_marker();
        stack.add(new Opaque("frozenset"));
      }
      case Opcodes.REDUCE -> {
        Object arguments = stack.pop();
        stack.add(call(stack.pop(), arguments));
      }
      case Opcodes.BINSTRING, Opcodes.BINUNICODE, Opcodes.BINBYTES, Opcodes.LONG4 -> {
        requireLength(LENGTH_BYTES);
        return super.dispatch(key);
      }
      case Opcodes.BINUNICODE8, Opcodes.BINBYTES8 -> {
        requireLength(LONG_LENGTH_BYTES);
        return super.dispatch(key);
      }
      case Opcodes.PROTO,
          Opcodes.FRAME,
          Opcodes.STOP,
          Opcodes.MARK,
          Opcodes.NONE,
          Opcodes.NEWTRUE,
          Opcodes.NEWFALSE,
          Opcodes.BININT,
          Opcodes.BININT1,
          Opcodes.BININT2,
          Opcodes.LONG1,
          Opcodes.BINFLOAT,
          Opcodes.SHORT_BINSTRING,
          Opcodes.SHORT_BINUNICODE,
          Opcodes.SHORT_BINBYTES,
          Opcodes.EMPTY_TUPLE,
          Opcodes.TUPLE,
          Opcodes.TUPLE1,
          Opcodes.TUPLE2,
          Opcodes.TUPLE3,
          Opcodes.EMPTY_LIST,
          Opcodes.BINPUT,
          Opcodes.LONG_BINPUT,
          Opcodes.BINGET,
          Opcodes.LONG_BINGET,
          Opcodes.MEMOIZE,
          Opcodes.BINPERSID -> {
        return super.dispatch(key);
      }
      default ->
          throw new TorchFileException(
              file,
              String.format(
                  Locale.ROOT,
                  "the pickle has instruction 0x%02x at byte %d, which no file of tensors needs",
                  key,
                  stream.position() - 1));
    }
    return NO_RETURN_VALUE;
  }

  private PickledDictionary dictionary() throws TorchFileException {
    if (stack.peek() instanceof PickledDictionary dictionary) {
      return dictionary;
    }
    throw new TorchFileException(
        file, "the pickle sets an entry of " + describe(stack.peek()) + ", expected a dictionary");
  }

  @SuppressWarnings("unchecked")
  private List<Object> list() throws TorchFileException {
    if (stack.peek() instanceof List<?> list) {
      return (List<Object>) list;
    }
    throw new TorchFileException(
        file, "the pickle appends to " + describe(stack.peek()) + ", expected a list");
  }

  /** What an unknown class would make. */
  private Opaque opaque(Object type) throws TorchFileException {
    if (!(type instanceof Unknown unknown)) {
      throw new TorchFileException(file, "the pickle makes an object of " + describe(type));
    }
    if (NeverNeeded.matches(unknown.name())) {
      throw refused(unknown.name());
    }
    return new Opaque(unknown.name());
  }

  private Object call(Object function, Object arguments) throws TorchFileException {
    if (function instanceof Unknown) {
      return opaque(function);
    }
    if (!(function instanceof IObjectConstructor constructor)
        || !(arguments instanceof Object[] values)) {
      throw new TorchFileException(
          file, "the pickle calls " + describe(function) + " with " + describe(arguments));
    }
    return constructor.construct(values);
  }

  /**
   * What kind of thing a value is. Never what is in it: lists can contain themselves, and short
   * pickles can describe texts that no memory holds.
   */
  static String describe(Object value) {
    return switch (value) {
      case null -> "nothing";
      case Boolean _ -> "a boolean";
      case Integer number -> "the number " + number;
      case Long number -> "the number " + number;
      case Number _ -> "a number";
      case String _ -> "text";
      case byte[] _ -> "bytes";
      case Map<?, ?> _ -> "a dictionary";
      case List<?> _ -> "a list";
      case Object[] _ -> "a tuple";
      case Tensor _ -> "a tensor";
      case Storage _ -> "a storage";
      case StorageType _, Unknown _ -> "a class";
      case Opaque opaque -> "an object of " + opaque.name();
      case IObjectConstructor _ -> "a function";
      default -> "something else";
    };
  }

  /** A length stands before what it counts, which is allocated at once. */
  private void requireLength(int bytes) throws TorchFileException {
    long length = 0;
    for (int i = bytes - 1; i >= 0; i--) {
      length = length << Byte.SIZE | stream.peek(i);
    }
    if (length < 0 || length > stream.left() - bytes) {
      throw new TorchFileException(
          file,
          "the pickle announces "
              + Long.toUnsignedString(length)
              + " bytes at byte "
              + stream.position()
              + ", "
              + stream.left()
              + " are left");
    }
  }

  private String line() throws TorchFileException {
    StringBuilder text = new StringBuilder();
    for (int next = stream.read(); next != '\n'; next = stream.read()) {
      if (next < 0) {
        throw new TorchFileException(file, "the pickle ends inside a name");
      }
      text.append((char) next);
    }
    byte[] latin = text.toString().getBytes(StandardCharsets.ISO_8859_1);
    return new String(latin, StandardCharsets.UTF_8);
  }

  private Object global(String name) throws TorchFileException {
    Dtype type = STORAGES.get(name);
    if (type != null) {
      return new StorageType(type);
    }
    return switch (name) {
      case DICTIONARY ->
          (IObjectConstructor)
              arguments -> {
                if (arguments.length > 0) {
                  throw new PickleException(DICTIONARY + " with arguments");
                }
                return new PickledDictionary();
              };
      case TENSOR -> (IObjectConstructor) TensorUnpickler::tensor;
      case PARAMETER -> (IObjectConstructor) TensorUnpickler::parameter;
      default -> new Unknown(name);
    };
  }

  private TorchFileException refused(String name) {
    return new TorchFileException(
        file,
        "the pickle asks for "
            + name
            + ", which is refused; a file of weights needs "
            + TENSOR
            + ", "
            + DICTIONARY
            + " and torch storages only");
  }

  /** Storage, offset, shape, strides; what follows is of use to training only. */
  private static Tensor tensor(Object[] arguments) {
    if (arguments.length < 4 || !(arguments[0] instanceof Storage storage)) {
      throw new PickleException(
          "a tensor of "
              + arguments.length
              + " arguments, the first of them "
              + describe(arguments.length == 0 ? null : arguments[0]));
    }
    return new Tensor(storage, number(arguments[1]), numbers(arguments[2]), numbers(arguments[3]));
  }

  /** A tensor that was trained: itself, whether it is trained, hooks. */
  private static Tensor parameter(Object[] arguments) {
    if (arguments.length == 0 || !(arguments[0] instanceof Tensor tensor)) {
      throw new PickleException("a parameter that is not a tensor");
    }
    return tensor;
  }

  private static long number(Object value) {
    return switch (value) {
      case Integer small -> small;
      case Long large -> large;
      case null, default ->
          throw new PickleException("expected an integer, found " + describe(value));
    };
  }

  private static long[] numbers(Object tuple) {
    if (!(tuple instanceof Object[] values) || values.length > MAXIMUM_RANK) {
      throw new PickleException(
          "expected at most " + MAXIMUM_RANK + " integers, found " + describe(tuple));
    }
    return Arrays.stream(values).mapToLong(TensorUnpickler::number).toArray();
  }

  /** {@code ("storage", type, key, location, elements)}, and in old files a view, always None. */
  @Override
  protected Object persistentLoad(Object id) {
    if (id instanceof Object[] named && named.length > 1 && named[1] instanceof Unknown unknown) {
      throw new UncheckedIOException(refused(unknown.name()));
    }
    if (!(id instanceof Object[] parts)
        || parts.length < 5
        || !"storage".equals(parts[0])
        || !(parts[1] instanceof StorageType type)
        || !(parts[2] instanceof String key)
        || parts.length > 5 && parts[5] != null) {
      throw new PickleException("a persistent object that is not a storage");
    }
    Storage storage = new Storage(type.type(), key, number(parts[4]));
    Storage known = storages.putIfAbsent(key, storage);
    if (storage.elements() < 0 || known != null && !known.equals(storage)) {
      throw new PickleException("storage " + key + " of " + storage.elements() + " numbers");
    }
    return storage;
  }
}
