package org.halfstep;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Imports point only downwards through the layers of the design. */
class LayersTest {
  private static final String ROOT = "org.halfstep";

  /** From top to bottom; packages of one layer may use each other, but not in a circle. */
  private static final List<List<String>> LAYERS =
      List.of(
          List.of("cli"),
          List.of("serve", "report"),
          List.of("distill", "metrics"),
          List.of("doctor"),
          List.of("train", "sample", "quantize"),
          List.of("latent"),
          List.of("checkpoint", "diffusion", "model", "data", "text"),
          List.of("graph"),
          List.of("device", "torch", "onnx", "safetensors", "numpy", "image", "tensorboard"),
          List.of("files", "random"),
          List.of("bindings"));

  /** What everything else stands on knows nothing of Halfstep. */
  private static final List<String> BOTTOM = List.of("files", "random");

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .withImportOption(location -> !location.contains("-tests.jar"))
          .importPackages(ROOT);

  @TestFactory
  List<DynamicTest> importsPointDownwards() {
    List<DynamicTest> tests = new ArrayList<>();
    List<String> above = new ArrayList<>();
    for (List<String> layer : LAYERS) {
      if (!above.isEmpty()) {
        ArchRule rule =
            noClasses()
                .that()
                .resideInAnyPackage(patterns(layer))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(patterns(above))
                .allowEmptyShould(true);
        tests.add(DynamicTest.dynamicTest(String.join(", ", layer), () -> rule.check(CLASSES)));
      }
      above.addAll(layer);
    }
    return tests;
  }

  @Test
  void everyPackageHasItsLayer() {
    TreeSet<String> unknown = new TreeSet<>();
    CLASSES.forEach(
        type -> {
          String[] parts = type.getPackageName().split("\\.");
          if (parts.length < 3 || LAYERS.stream().noneMatch(layer -> layer.contains(parts[2]))) {
            unknown.add(type.getName());
          }
        });
    assertEquals(new TreeSet<>(), unknown, "classes in packages that no layer lists");
  }

  @Test
  void packagesOfOneLayerHaveNoCycles() {
    SlicesRuleDefinition.slices()
        .matching(ROOT + ".(*)..")
        .should()
        .beFreeOfCycles()
        .check(CLASSES);
  }

  @Test
  void onlyDeviceImplementationsUseBindings() {
    noClasses()
        .that()
        .resideOutsideOfPackages(
            pattern("bindings"),
            ROOT + ".device.kernels..",
            ROOT + ".device.cpu..",
            ROOT + ".device.cuda..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage(pattern("bindings"))
        .check(CLASSES);
  }

  @Test
  void onlyBindingsReachNativeCode() {
    noClasses()
        .that(resideOutsideOfPackages(pattern("bindings")))
        .should()
        .dependOnClassesThat()
        .haveFullyQualifiedName("java.lang.foreign.Linker")
        .orShould()
        .dependOnClassesThat()
        .haveFullyQualifiedName("java.lang.foreign.SymbolLookup")
        .orShould()
        .callMethod(System.class, "load", String.class)
        .orShould()
        .callMethod(System.class, "loadLibrary", String.class)
        .check(CLASSES);
  }

  @Test
  void theLibraryHasNoCommandLine() {
    noClasses()
        .that(resideOutsideOfPackages(pattern("cli"), pattern("report")))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("picocli..", "org.knowm..", "me.tongfei..")
        .check(CLASSES);
  }

  @Test
  void onePackageUsesLwjgl() {
    noClasses()
        .that()
        .resideOutsideOfPackages(ROOT + ".device.cuda.driver..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.lwjgl..")
        .check(CLASSES);
  }

  @Test
  void theBottomKnowsOnlyItself() {
    for (String name : BOTTOM) {
      noClasses()
          .that()
          .resideInAPackage(pattern(name))
          .should()
          .dependOnClassesThat(
              resideInAnyPackage(ROOT + "..").and(resideOutsideOfPackages(pattern(name))))
          .check(CLASSES);
    }
  }

  @Test
  void aRuleThatIsBrokenFails() {
    ArchRule upward =
        noClasses()
            .that()
            .resideInAPackage(pattern("train"))
            .should()
            .dependOnClassesThat()
            .resideInAPackage(pattern("graph"));
    assertThrows(AssertionError.class, () -> upward.check(CLASSES));
  }

  private static String pattern(String name) {
    return ROOT + "." + name + "..";
  }

  private static String[] patterns(List<String> names) {
    return names.stream().map(LayersTest::pattern).toArray(String[]::new);
  }
}
