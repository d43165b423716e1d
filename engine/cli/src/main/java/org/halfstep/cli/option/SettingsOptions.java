package org.halfstep.cli.option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** Where a run's settings come from, the later ones overriding the earlier. */
public final class SettingsOptions {
  @Option(
      names = "--preset",
      paramLabel = "NAME",
      description =
          "Settings to start from: cifar10, cifar10-128, cifar10-64, fashion-mnist, imagenet64, pictures,"
              + " stable-diffusion or tiny (default: what suits the"
              + " network: fashion-mnist for pixels, stable-diffusion for other programs' latent"
              + " models, pictures for our own). Of fashion-mnist there are variants: -stochastic,"
              + " -encoder, -single-w and -naive.")
  private String preset;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description =
          "A JSON file that overrides the preset: any part of a config.json that a run wrote.")
  private Path config;

  @Option(
      names = "--set",
      paramLabel = "NAME=VALUE",
      description =
          "One setting by its path in config.json, such as teacher.labelDropout=0.2; may be repeated.")
  private List<String> assignments = List.of();

  /** The settings so far; the commands' own options override them. */
  public Settings read() throws IOException {
    return read("fashion-mnist");
  }

  /**
   * The same.
   *
   * @param usual the preset to start from where none was named
   */
  public Settings read(String usual) throws IOException {
    Settings settings = Settings.preset(preset == null ? usual : preset);
    if (config != null) {
      settings.overlay(config);
    }
    assignments.forEach(settings::assign);
    return settings;
  }
}
