package org.halfstep.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CudaLibraryFoldersTest {
  @TempDir Path temporary;
  private Path root;

  private final Map<String, String> properties = new HashMap<>();
  private final Map<String, String> variables = new HashMap<>();

  @BeforeEach
  void resolveLinks() throws IOException {
    root = temporary.toRealPath();
  }

  private Path folder(String path) throws IOException {
    return Files.createDirectories(root.resolve(path));
  }

  private CudaLibraryFolders search() {
    return new CudaLibraryFolders(properties::get, variables::get, root);
  }

  @Test
  void theToolkitComesBeforeTheWheels() throws IOException {
    Path old = folder("usr/local/cuda-9.2/lib64");
    Path recent = folder("usr/local/cuda-13.0/lib64");
    Path system = folder("usr/lib/x86_64-linux-gnu");
    Path wheel = folder("venv/lib/python3.12/site-packages/nvidia/cudnn/lib");
    Path other = folder("venv/lib/python3.12/site-packages/nvidia/cu13/lib");
    Path home = folder("opt/toolkit/lib64");
    variables.put("CUDA_HOME", root.resolve("opt/toolkit").toString());
    variables.put("VIRTUAL_ENV", root.resolve("venv").toString());
    assertEquals(
        List.of(home, recent, old, system, root.resolve("usr/lib"), other, wheel),
        search().folders());
    assertNull(search().namedBy());
  }

  @Test
  void linksToTheSameFolderAreOne() throws IOException {
    Path real = folder("usr/local/cuda-13.0/lib64");
    Files.createSymbolicLink(root.resolve("usr/local/cuda"), real.getParent());
    assertEquals(List.of(root.resolve("usr/local/cuda/lib64")), search().folders());
  }

  @Test
  void thePythonOnThePathLeadsToItsWheels() throws IOException {
    Path base = folder("opt/python/lib/python3.12/site-packages/nvidia/cublas/lib");
    Path environment = folder("opt/torch/.venv/lib/python3.12/site-packages/nvidia/cudnn/lib");
    Path python = folder("opt/python/bin").resolve("python3.12");
    Files.writeString(python, "#!/bin/sh\n");
    python.toFile().setExecutable(true);
    Path bin = folder("opt/torch/.venv/bin");
    Files.createSymbolicLink(bin.resolve("python3"), python);
    variables.put("PATH", root.resolve("nowhere") + ":" + bin);
    assertEquals(List.of(environment, base), search().folders());
  }

  @Test
  void everyLinkOnTheWayToAPythonIsLookedAt() throws IOException {
    Path environment = folder("opt/venv/lib/python3.12/site-packages/nvidia/cudnn/lib");
    Path python = folder("usr2/bin").resolve("python3.12");
    Files.writeString(python, "#!/bin/sh\n");
    python.toFile().setExecutable(true);
    Path inEnvironment =
        Files.createSymbolicLink(folder("opt/venv/bin").resolve("python3"), python);
    Path bin = folder("tools/bin");
    Files.createSymbolicLink(bin.resolve("python3"), inEnvironment);
    variables.put("PATH", bin.toString());
    assertEquals(List.of(environment), search().folders());
  }

  @Test
  void userAndSystemPackagesAndPythonPathAreFound() throws IOException {
    Path user = folder("home/.local/lib/python3.11/site-packages/nvidia/cudnn/lib");
    Path debian = folder("usr/lib/python3/dist-packages/nvidia/cudnn/lib");
    Path torch = folder("extra/torch/lib");
    variables.put("HOME", root.resolve("home").toString());
    variables.put("PYTHONPATH", root.resolve("extra").toString());
    assertEquals(List.of(root.resolve("usr/lib"), torch, user, debian), search().folders());
  }

  @Test
  void whatIsNamedIsBinding() throws IOException {
    folder("usr/local/cuda/lib64");
    Path packages = folder("named/nvidia/cudnn/lib");
    variables.put("HALFSTEP_CUDA", root.resolve("named").toString());
    assertEquals(List.of(root.resolve("named"), packages), search().folders());
    assertEquals("environment variable HALFSTEP_CUDA", search().namedBy());

    Path toolkit = folder("toolkit/lib64");
    Path second = folder("second");
    properties.put("halfstep.cuda", root.resolve("toolkit") + ":" + second);
    assertEquals(List.of(root.resolve("toolkit"), toolkit, second), search().folders());
    assertEquals("system property halfstep.cuda", search().namedBy());
  }

  @Test
  void filesAreFoundFolderByFolder() throws IOException {
    Path first = Files.writeString(folder("a").resolve("libx.so.12"), "");
    Path second = Files.writeString(folder("b").resolve("libx.so.13"), "");
    Path third = Files.writeString(folder("b").resolve("libx.so.12"), "");
    properties.put("halfstep.cuda", root.resolve("a") + ":" + root.resolve("b"));
    assertEquals(List.of(first, second, third), search().find(List.of("libx.so.13", "libx.so.12")));
  }
}
