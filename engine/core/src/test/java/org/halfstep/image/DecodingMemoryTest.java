package org.halfstep.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Large photographs are decoded as many at a time as half of the heap has room for. */
class DecodingMemoryTest {
  private static final long ROOM = Runtime.getRuntime().maxMemory() / 2;

  /** So many threads decode pictures of so many bytes; how many of them did so at once. */
  private static int together(int threads, long bytes) throws Exception {
    AtomicInteger now = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    List<Future<?>> all = new ArrayList<>();
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      for (int i = 0; i < 3 * threads; i++) {
        all.add(
            pool.submit(
                () ->
                    DecodingMemory.with(
                        bytes,
                        () -> {
                          most.accumulateAndGet(now.incrementAndGet(), Math::max);
                          Thread.yield();
                          return now.decrementAndGet();
                        })));
      }
    }
    for (Future<?> one : all) {
      one.get();
    }
    return most.get();
  }

  @Test
  void picturesOfMostOfTheRoomAreDecodedOneByOne() throws Exception {
    assertEquals(1, together(8, ROOM * 6 / 10));
    // More than there is: the rest would never be enough.
    assertEquals(1, together(8, 10 * ROOM));
    assertTrue(together(8, ROOM * 4 / 10) <= 2);
  }

  @Test
  void smallOnesAreDecodedTogether() throws Exception {
    CountDownLatch four = new CountDownLatch(4);
    List<Future<Boolean>> all = new ArrayList<>();
    try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
      for (int i = 0; i < 4; i++) {
        all.add(
            pool.submit(
                () ->
                    DecodingMemory.with(
                        ROOM / 8,
                        () -> {
                          four.countDown();
                          try {
                            return four.await(1, TimeUnit.MINUTES);
                          } catch (InterruptedException stopped) {
                            return false;
                          }
                        })));
      }
    }
    for (Future<Boolean> one : all) {
      assertTrue(one.get());
    }
  }

  @Test
  void roomIsGivenBackByPicturesThatFail() throws Exception {
    for (int i = 0; i < 3; i++) {
      assertThrows(
          IOException.class,
          () ->
              DecodingMemory.with(
                  ROOM,
                  () -> {
                    throw new IOException("damaged");
                  }));
    }
    assertEquals(7, DecodingMemory.with(ROOM, () -> 7));
  }
}
