package org.halfstep.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With sets of small libraries that the test compiles: a front that opens its part by name. */
class CudaLibraryTest {
  @TempDir Path root;

  /** A library whose parts are in front of it, like cuDNN's. */
  private CudaLibrary library(String name, Path... folders) {
    StringBuilder list = new StringBuilder();
    for (Path folder : folders) {
      list.append(folder).append(':');
    }
    return new CudaLibrary(
        "Testing",
        List.of("lib" + name + ".so.9"),
        "lib" + name + "_*.so.9",
        Set.of("lib" + name + "_part.so.9"),
        List.of(),
        "pip install testing",
        () ->
            new CudaLibraryFolders(
                key -> key.equals("halfstep.cuda") ? list.toString() : null, key -> null, root));
  }

  private static void compile(Path folder, String file, String source, String... more)
      throws IOException, InterruptedException {
    Files.createDirectories(folder);
    Path code = Files.writeString(folder.resolve(file + ".c"), source);
    List<String> command =
        new ArrayList<>(
            List.of("gcc", "-shared", "-fPIC", "-Wl,-z,noexecstack", "-Wl,-soname," + file));
    command.addAll(List.of("-o", folder.resolve(file).toString(), code.toString()));
    command.addAll(List.of(more));
    Process gcc;
    try {
      gcc = new ProcessBuilder(command).inheritIO().start();
    } catch (IOException missing) {
      assumeTrue(false, "gcc was not found, so there are no libraries to load");
      return;
    }
    assertEquals(0, gcc.waitFor());
  }

  /** A front and a part; the front asks the part, opened by its bare name, for its number. */
  private Path set(String folder, String name, int number) throws Exception {
    Path in = root.resolve(folder);
    compile(in, "lib" + name + "_part.so.9", "int part(void) { return " + number + "; }");
    compile(
        in,
        "lib" + name + ".so.9",
        """
        #include <dlfcn.h>
        int front(void) {
          void *library = dlopen("lib%s_part.so.9", RTLD_NOW);
          return library ? ((int (*)(void))dlsym(library, "part"))() : -1;
        }
        """
            .formatted(name),
        "-ldl");
    return in;
  }

  private static int front(CudaLibrary library) throws Throwable {
    return (int)
        library.function("front", FunctionDescriptor.of(ValueLayout.JAVA_INT)).invokeExact();
  }

  @Test
  void theWholeSetComesFromOneFolder() throws Throwable {
    Path folder = set("set", "halfstepone", 7);
    CudaLibrary library = library("halfstepone", folder);
    assertEquals(7, front(library));
    assertEquals(folder.resolve("libhalfstepone.so.9"), library.location());
  }

  @Test
  void aBrokenSetIsLeftForTheNextFolder() throws Throwable {
    Path broken = set("broken", "halfsteptwo", 1);
    Files.writeString(broken.resolve("libhalfsteptwo_part.so.9"), "no library");
    Path whole = set("whole", "halfsteptwo", 2);
    CudaLibrary library = library("halfsteptwo", broken, whole);
    assertEquals(2, front(library));
    assertEquals(whole.resolve("libhalfsteptwo.so.9"), library.location());
  }

  @Test
  void anOptionalPartThatDoesNotLoadIsDoneWithout() throws Throwable {
    Path folder = set("optional", "halfstepfive", 5);
    Files.writeString(folder.resolve("libhalfstepfive_extra.so.9"), "no library");
    CudaLibrary library = library("halfstepfive", folder);
    assertEquals(5, front(library));
    assertEquals(1, library.leftOut().size());
    assertTrue(
        library.leftOut().getFirst().startsWith("libhalfstepfive_extra.so.9 ("),
        library.leftOut().getFirst());
  }

  @Test
  void everyAttemptIsInTheError() throws Exception {
    Path broken = Files.createDirectories(root.resolve("text"));
    Files.writeString(broken.resolve("libhalfstepthree.so.9"), "no library");
    Path empty = Files.createDirectories(root.resolve("empty"));
    String message =
        assertThrows(
                NativeLibraryException.class, () -> library("halfstepthree", broken, empty).load())
            .getMessage();
    assertTrue(message.contains("cannot load Testing"), message);
    assertTrue(message.contains(broken.resolve("libhalfstepthree.so.9").toString()), message);
    assertTrue(message.contains("file too short") || message.contains("ELF"), message);
    assertTrue(message.contains(empty.toString()), message);
    assertTrue(message.contains("system property halfstep.cuda"), message);
    assertTrue(message.contains("HALFSTEP_CUDA"), message);
    assertTrue(message.contains("pip install testing"), message);
    assertEquals(1, message.lines().count());
  }

  @Test
  void aMissingFunctionIsNamed() throws Exception {
    Path folder = set("four", "halfstepfour", 4);
    CudaLibrary library = library("halfstepfour", folder);
    String message =
        assertThrows(
                NativeLibraryException.class,
                () -> library.function("absent", FunctionDescriptor.ofVoid()))
            .getMessage();
    assertTrue(message.contains("has no function absent"), message);
  }

  /** The real one, where it is installed: it needs no GPU to say its version and its errors. */
  @Test
  void cudnnSaysWhatWasWrong() {
    try {
      CudaLibrary.CUDNN.load();
    } catch (NativeLibraryException absent) {
      assumeTrue(false, "cuDNN was not found: " + absent.getMessage().lines().findFirst().get());
    }
    assertTrue(Cudnn.cudnnGetVersion() >= 90_000);
    CudnnException refused =
        assertThrows(CudnnException.class, () -> Cudnn.cudnnBackendFinalize(MemorySegment.NULL));
    assertEquals("cudnnBackendFinalize", refused.function());
    assertTrue(refused.getMessage().contains("CUDNN_STATUS_BAD_PARAM"), refused.getMessage());
  }
}
