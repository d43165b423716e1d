package org.halfstep.examples;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import javax.imageio.ImageIO;
import org.halfstep.sample.DiffusionModel;
import org.junit.jupiter.api.Test;

class ImageServerTest {
  @Test
  void aLabelAndASeedAreAPicture() throws IOException, InterruptedException {
    try (DiffusionModel model = DiffusionModel.bundled("fashion-mnist-1");
        ImageServer server = new ImageServer(model, 0);
        HttpClient client = HttpClient.newHttpClient()) {
      HttpResponse<byte[]> shoe = get(client, server, "?label=ankle%20boot&seed=7");
      assertEquals(200, shoe.statusCode());
      assertEquals("image/png", shoe.headers().firstValue("Content-Type").orElse(""));
      BufferedImage picture = ImageIO.read(new ByteArrayInputStream(shoe.body()));
      assertEquals(28, picture.getWidth());
      assertEquals(28, picture.getHeight());
      assertArrayEquals(
          shoe.body(), get(client, server, "?seed=7&label=Ankle%20boot").body(), "asked again");
      assertFalse(
          Arrays.equals(shoe.body(), get(client, server, "?label=ankle%20boot&seed=8").body()),
          "another seed");
      refused(get(client, server, "?label=spaceship"), "\"spaceship\"");
      refused(get(client, server, "?seed=-1"), "\"-1\"");
    }
  }

  private static void refused(HttpResponse<byte[]> response, String word) {
    String line = new String(response.body(), StandardCharsets.UTF_8);
    assertEquals(400, response.statusCode(), line);
    assertTrue(line.contains(word) && line.lines().count() == 1, line);
  }

  private static HttpResponse<byte[]> get(HttpClient client, ImageServer server, String query)
      throws IOException, InterruptedException {
    URI uri = URI.create("http://localhost:" + server.port() + "/image" + query);
    return client.send(
        HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofByteArray());
  }
}
