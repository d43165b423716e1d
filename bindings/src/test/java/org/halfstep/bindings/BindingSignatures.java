package org.halfstep.bindings;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodType;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Prints what binding classes claim about C, for {@code scripts/verify-bindings}.
 *
 * <p>{@code text CLASS...}: a line {@code name: type} for each function, of ours or of a class that
 * jextract generated. {@code c++ HEADER CLASS...}: a C++ source that compiles only if the
 * functions, struct layouts and constants of the classes are those of the header; for the kernels
 * also that they are those of the list, in its order, with the structs that it gives them.
 */
final class BindingSignatures {
  private BindingSignatures() {}

  public static void main(String[] arguments) throws ReflectiveOperationException {
    if (arguments.length > 1 && arguments[0].equals("text")) {
      // A generated class looks its functions up in the libraries that are loaded.
      NativeLibrary.KERNELS.load();
      NativeLibrary.ONEDNN.load();
      for (int i = 1; i < arguments.length; i++) {
        functions(Class.forName(arguments[i]))
            .forEach((name, type) -> System.out.println(name + ": " + type));
      }
    } else if (arguments.length > 2 && arguments[0].equals("c++")) {
      prologue(arguments[1]);
      for (int i = 2; i < arguments.length; i++) {
        checks(Class.forName(arguments[i]));
      }
    } else {
      throw new IllegalArgumentException("expected: text CLASS..., or: c++ HEADER CLASS...");
    }
  }

  private static Map<String, MethodType> functions(Class<?> binding)
      throws ReflectiveOperationException {
    Map<String, MethodType> functions = new TreeMap<>();
    if (binding == Kernels.class) {
      for (Kernel kernel : Kernel.values()) {
        functions.put(kernel.function(), withoutAddress(Kernels.LAUNCH));
      }
      for (Struct struct : Kernel.WITH_WORKSPACE) {
        functions.put(struct.name() + "_workspace", withoutAddress(Kernels.WORKSPACE));
      }
    }
    for (Field field : binding.getDeclaredFields()) {
      if (Modifier.isStatic(field.getModifiers()) && field.getType() == MethodHandle.class) {
        field.setAccessible(true);
        MethodHandle handle = (MethodHandle) field.get(null);
        if (binding != Kernels.class) {
          functions.put(field.getName(), handle.type());
        } else if (field.getName().startsWith("hs_")) {
          functions.put(field.getName(), withoutAddress(handle));
        }
      }
    }
    for (Method method : binding.getMethods()) {
      if (method.getName().endsWith("$descriptor")
          && method.getReturnType() == FunctionDescriptor.class) {
        FunctionDescriptor descriptor = (FunctionDescriptor) method.invoke(null);
        functions.put(method.getName().replace("$descriptor", ""), descriptor.toMethodType());
      }
    }
    return functions;
  }

  /** The handles of {@link Kernels} take the function's address first. */
  private static MethodType withoutAddress(MethodHandle handle) {
    return handle.type().dropParameterTypes(0, 1);
  }

  private static void prologue(String header) {
    System.out.println("#include <cstddef>");
    System.out.println("#include <iterator>");
    System.out.println("#include <string_view>");
    System.out.println("#include <type_traits>");
    System.out.println("#include <utility>");
    System.out.println("#include \"" + header + "\"");
    System.out.println(
        """
        // One letter per type, as Java's type descriptors have them; A is an address.
        template <class T> constexpr char letter() {
          if constexpr (std::is_void_v<T>) return 'V';
          else if constexpr (std::is_pointer_v<T>) return 'A';
          else if constexpr (std::is_same_v<T, float>) return 'F';
          else if constexpr (std::is_same_v<T, double>) return 'D';
          else if constexpr (sizeof(T) == 4) return 'I';
          else if constexpr (sizeof(T) == 8) return 'J';
          else return '?';
        }
        template <class R, class... A>
        constexpr bool is(R (*)(A...), const char (&expected)[sizeof...(A) + 2]) {
          const char actual[] = {letter<R>(), letter<A>()..., 0};
          for (std::size_t i = 0; i < sizeof...(A) + 2; ++i)
            if (actual[i] != expected[i]) return false;
          return true;
        }
        """);
  }

  private static void checks(Class<?> binding) throws ReflectiveOperationException {
    functions(binding)
        .forEach(
            (name, type) -> {
              StringBuilder letters = new StringBuilder(letter(type.returnType()));
              type.parameterList().forEach(parameter -> letters.append(letter(parameter)));
              check("is(&" + name + ", \"" + letters + "\")");
            });
    for (Field field : binding.getDeclaredFields()) {
      if (!Modifier.isStatic(field.getModifiers())) {
        continue;
      }
      field.setAccessible(true);
      if (field.getType() == int.class && Modifier.isPublic(field.getModifiers())) {
        check("int(" + field.getName() + ") == " + field.getInt(null));
      } else if (field.getType() == StructLayout.class) {
        struct(field.getName(), (StructLayout) field.get(null));
      } else if (field.getType() == Struct.class) {
        Struct struct = (Struct) field.get(null);
        struct("struct " + struct.name(), struct.layout());
      }
    }
    if (binding == Kernels.class) {
      list("launches", "HS_LAUNCH", "function, arguments", "#function \" \" #arguments");
      Kernel[] kernels = Kernel.values();
      check("std::size(launches) == " + kernels.length);
      for (Kernel kernel : kernels) {
        String line = kernel.function() + " " + kernel.struct().name();
        check("launches[%d] == std::string_view(\"%s\")".formatted(kernel.ordinal(), line));
      }
      list("workspaces", "HS_WORKSPACE", "arguments", "#arguments");
      List<Struct> structs = Kernel.WITH_WORKSPACE;
      check("std::size(workspaces) == " + structs.size());
      for (int i = 0; i < structs.size(); i++) {
        check("workspaces[%d] == std::string_view(\"%s\")".formatted(i, structs.get(i).name()));
      }
    }
  }

  /** An array of what a macro of the list of kernels, and its twin for the CPU, make of a line. */
  private static void list(String array, String macro, String parameters, String line) {
    System.out.println("#define %s(%s) %s,".formatted(macro, parameters, line));
    System.out.println("#define %s_CPU(%s) %s,".formatted(macro, parameters, line));
    System.out.println("constexpr std::string_view " + array + "[] = {");
    System.out.println("#include \"halfstep_kernels.inc\"");
    System.out.println("};");
  }

  private static void struct(String name, StructLayout layout) {
    check("sizeof(" + name + ") == " + layout.byteSize());
    for (MemoryLayout member : layout.memberLayouts()) {
      if (member.name().isPresent()) {
        String field = member.name().get();
        long offset = layout.byteOffset(PathElement.groupElement(field));
        check("offsetof(" + name + ", " + field + ") == " + offset);
        String value = "std::declval<" + name + "&>()." + field;
        check("sizeof(" + value + ") == " + member.byteSize());
        check(
            "std::is_pointer_v<std::remove_reference_t<decltype((%s))>> == %s"
                .formatted(value, member instanceof AddressLayout));
      }
    }
  }

  private static void check(String condition) {
    System.out.println("static_assert(" + condition + ");");
  }

  private static String letter(Class<?> type) {
    return type.isPrimitive() ? type.descriptorString() : "A";
  }
}
