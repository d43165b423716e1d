package org.halfstep;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.Slab;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Fails every test class that leaves device memory behind. Active for all of them. */
public final class LeakCheck implements BeforeAllCallback, AfterAllCallback {
  private static final ExtensionContext.Namespace STORE =
      ExtensionContext.Namespace.create(LeakCheck.class);

  @Override
  public void beforeAll(ExtensionContext context) {
    context.getStore(STORE).put("before", Slab.live());
  }

  @Override
  public void afterAll(ExtensionContext context) {
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
