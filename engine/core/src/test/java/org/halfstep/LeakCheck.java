package org.halfstep;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.Slab;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Fails every test, and every test class, that leaves device memory behind. Active for all. */
public final class LeakCheck
    implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback, AfterAllCallback {
  private static final ExtensionContext.Namespace STORE =
      ExtensionContext.Namespace.create(LeakCheck.class);

  @Override
  public void beforeAll(ExtensionContext context) {
    remember(context);
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    remember(context);
  }

  @Override
  public void afterEach(ExtensionContext context) {
    check(context);
  }

  @Override
  public void afterAll(ExtensionContext context) {
    check(context);
  }

  private static void remember(ExtensionContext context) {
    context.getStore(STORE).put("before", Slab.live());
  }

  private static void check(ExtensionContext context) {
    List<String> leaked = since(context.getStore(STORE).get("before", List.class));
    assertEquals(List.of(), leaked, "slabs that " + context.getDisplayName() + " did not close");
  }

  /** What is live now and was not before. */
  static List<String> since(List<?> before) {
    List<String> leaked = new ArrayList<>(Slab.live());
    before.forEach(leaked::remove);
    return leaked;
  }
}
