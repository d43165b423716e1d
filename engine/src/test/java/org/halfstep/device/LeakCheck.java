package org.halfstep.device;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Fails a test that leaves device memory behind. */
public final class LeakCheck implements BeforeEachCallback, AfterEachCallback {
  private List<String> before = List.of();

  @Override
  public void beforeEach(ExtensionContext context) {
    before = Slab.live();
  }

  @Override
  public void afterEach(ExtensionContext context) {
    List<String> left = new ArrayList<>(Slab.live());
    before.forEach(left::remove);
    Assertions.assertEquals(List.of(), left, "device memory that was not given back");
  }
}
