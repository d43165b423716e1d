package org.halfstep.torch;

import java.util.Set;

/**
 * Functions that no file of weights has a use for, but that files which attack their reader call:
 * those that run programs and code, open files and connections, or reach other functions. Nothing
 * would be called in any case; a file that asks for one is not to be trusted in anything.
 */
final class NeverNeeded {
  private static final Set<String> MODULES =
      Set.of(
          "asyncio",
          "bdb",
          "code",
          "codeop",
          "commands",
          "ctypes",
          "http",
          "importlib",
          "marshal",
          "multiprocessing",
          "nt",
          "operator",
          "os",
          "pickle",
          "posix",
          "pty",
          "runpy",
          "shutil",
          "socket",
          "subprocess",
          "sys",
          "tempfile",
          "timeit",
          "types",
          "urllib",
          "webbrowser");

  private static final Set<String> BUILT_IN = Set.of("builtins", "__builtin__");

  /** Of what is built in, the plain values. */
  private static final Set<String> PLAIN =
      Set.of(
          "bool",
          "bytearray",
          "bytes",
          "complex",
          "dict",
          "float",
          "frozenset",
          "int",
          "list",
          "object",
          "range",
          "set",
          "slice",
          "str",
          "tuple");

  private NeverNeeded() {}

  static boolean matches(String name) {
    int dot = name.indexOf('.');
    String module = dot < 0 ? name : name.substring(0, dot);
    return MODULES.contains(module)
        || BUILT_IN.contains(module) && !PLAIN.contains(name.substring(dot + 1));
  }
}
