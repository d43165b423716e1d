package org.halfstep.examples;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.PngFile;
import org.halfstep.sample.DiffusionModel;

/**
 * Serves pictures over HTTP with the JDK's own server: {@code ImageServer [PORT]}, then {@code curl
 * -o shoe.png 'http://localhost:8080/image?label=sneaker&seed=7'}. A request for the same label and
 * seed gets the same picture.
 */
public final class ImageServer implements AutoCloseable {
  /** A model evaluates one request at a time; the others are read and answered meanwhile. */
  private static final int THREADS = 4;

  private static final int OK = 200;
  private static final int BAD_REQUEST = 400;
  private static final int METHOD_NOT_ALLOWED = 405;

  private final DiffusionModel model;
  private final HttpServer server;
  private final ExecutorService threads = Executors.newFixedThreadPool(THREADS);

  /**
   * Serves this machine.
   *
   * @param model stays the caller's
   * @param port 0 for any that is free
   */
  ImageServer(DiffusionModel model, int port) throws IOException {
    this.model = model;
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.setExecutor(threads);
    server.createContext("/image", this::answer);
    server.start();
  }

  public static void main(String[] args) throws IOException, InterruptedException {
    DiffusionModel model = DiffusionModel.bundled("fashion-mnist-4");
    ImageServer server = new ImageServer(model, args.length > 0 ? Integer.parseInt(args[0]) : 8080);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  server.close();
                  model.close();
                }));
    System.out.println(
        "http://localhost:" + server.port() + "/image?label=" + model.classNames().getFirst());
    Thread.currentThread().join();
  }

  /** Where it listens. */
  int port() {
    return server.getAddress().getPort();
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      if (!exchange.getRequestMethod().equals("GET")) {
        send(exchange, METHOD_NOT_ALLOWED, "text/plain", utf8("use GET"));
        return;
      }
      byte[] png;
      try {
        png = picture(parameters(exchange.getRequestURI().getRawQuery()));
      } catch (IllegalArgumentException refused) {
        // One line that says what was wrong and what the model takes.
        send(exchange, BAD_REQUEST, "text/plain; charset=utf-8", utf8(refused.getMessage()));
        return;
      }
      send(exchange, OK, "image/png", png);
    }
  }

  private byte[] picture(Map<String, String> parameters) throws IOException {
    int[] label = model.labels(parameters.getOrDefault("label", "0"));
    String seed = parameters.getOrDefault("seed", "0");
    if (!seed.matches("\\d{1,18}")) {
      throw new IllegalArgumentException("seed must be a number from 0, got \"" + seed + "\"");
    }
    ImageBatch made = model.sample(model.request(label).withSeed(Long.parseLong(seed)));
    return PngFile.bytes(made.image(0), Map.of("seed", seed));
  }

  private static Map<String, String> parameters(String query) {
    Map<String, String> parameters = new TreeMap<>();
    if (query != null) {
      for (String part : query.split("&")) {
        int equals = part.indexOf('=');
        if (equals > 0) {
          String value = part.substring(equals + 1);
          parameters.put(
              part.substring(0, equals), URLDecoder.decode(value, StandardCharsets.UTF_8));
        }
      }
    }
    return parameters;
  }

  private static void send(HttpExchange exchange, int status, String type, byte[] body)
      throws IOException {
    exchange.getResponseHeaders().set("Content-Type", type);
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
  }

  private static byte[] utf8(String text) {
    return (text + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /** Answers what was asked, then stops; the model is the caller's. */
  @Override
  public void close() {
    server.stop(1);
    threads.close();
  }
}
