package org.halfstep.model;

/** What a network's file says of it beside its {@link Architecture}: what it is for, from what. */
public interface Card {
  /** One line of JSON, as {@link NetworkFormat} reads it. */
  String toJson();
}
