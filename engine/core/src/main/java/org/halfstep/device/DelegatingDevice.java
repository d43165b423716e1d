package org.halfstep.device;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A device that does everything through another, but for what a subclass does otherwise. Its
 * streams are made of it, not of the other.
 */
abstract class DelegatingDevice implements Device {
  private final Device device;

  DelegatingDevice(Device device) {
    this.device = device;
  }

  @Override
  public void attach() {
    device.attach();
  }

  @Override
  public String name() {
    return device.name();
  }

  @Override
  public String arithmetic() {
    return device.arithmetic();
  }

  @Override
  public List<DevicePart> parts() {
    return device.parts();
  }

  @Override
  public Optional<Ceiling> measureCeiling(DataType precision) {
    return device.measureCeiling(precision);
  }

  @Override
  public OptionalLong availableMemory() {
    return device.availableMemory();
  }

  @Override
  public DataType defaultPrecision() {
    return device.defaultPrecision();
  }

  @Override
  public List<WeightChoice> weightChoices(ConvolutionShape shape, DataType stored, boolean mapped) {
    return device.weightChoices(shape, stored, mapped);
  }

  @Override
  public boolean sharesHostMemory() {
    return device.sharesHostMemory();
  }

  @Override
  public void requirePrecision(DataType precision) {
    device.requirePrecision(precision);
  }

  @Override
  public void trim() {
    device.trim();
  }

  @Override
  public Slab allocate(String purpose, long bytes) {
    return device.allocate(purpose, bytes);
  }

  @Override
  public void upload(MemorySegment source, long destination, long bytes) {
    device.upload(source, destination, bytes);
  }

  @Override
  public void download(long source, MemorySegment destination, long bytes) {
    device.download(source, destination, bytes);
  }

  @Override
  public HostView view(long address, long bytes) {
    return device.view(address, bytes);
  }

  @Override
  public Operations operations() {
    return device.operations();
  }

  @Override
  public void synchronize() {
    device.synchronize();
  }

  @Override
  public void close() {
    device.close();
  }
}
