package org.halfstep;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.text.DecimalFormat;
import java.text.NumberFormat;
import java.util.Scanner;
import org.junit.jupiter.api.Test;

/**
 * Numbers, messages and names of files are the same whatever language the machine speaks: whoever
 * formats says in which locale, and everybody says the root's. In Arabic or Persian, the number of
 * a file would have other digits.
 */
class LocaleTest {
  private static final ArchRule RULE =
      noClasses()
          .should()
          .callMethod(String.class, "format", String.class, Object[].class)
          .orShould()
          .callMethod(String.class, "formatted", Object[].class)
          .orShould()
          .callMethod(String.class, "toLowerCase")
          .orShould()
          .callMethod(String.class, "toUpperCase")
          .orShould()
          .callMethod(PrintWriter.class, "printf", String.class, Object[].class)
          .orShould()
          .callMethod(PrintWriter.class, "format", String.class, Object[].class)
          .orShould()
          .callMethod(PrintStream.class, "printf", String.class, Object[].class)
          .orShould()
          .callMethod(PrintStream.class, "format", String.class, Object[].class)
          .orShould()
          .callMethod(NumberFormat.class, "getInstance")
          .orShould()
          .callConstructor(DecimalFormat.class, String.class)
          .orShould()
          .dependOnClassesThat()
          .areAssignableTo(Scanner.class);

  @Test
  void whoeverFormatsSaysInWhichLocale() {
    JavaClasses classes =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .withImportOption(location -> !location.contains("-tests.jar"))
            .importPackages("org.halfstep");
    assertTrue(classes.size() > 100, "the classes are looked at");
    RULE.check(classes);
  }

  @Test
  void aNumberInTheMachinesLocaleIsFound() {
    JavaClasses one = new ClassFileImporter().importClasses(Careless.class);
    assertThrows(AssertionError.class, () -> RULE.check(one));
  }

  private static final class Careless {
    static String name(int number) {
      return String.format("part-%05d", number);
    }
  }
}
