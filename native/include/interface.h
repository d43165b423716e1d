// The number by which a program sees whether a library was built from the same list of kernels and the same
// structs: hs_interface() of every library.
#ifndef HALFSTEP_INTERFACE_H
#define HALFSTEP_INTERFACE_H

#include "halfstep.h"

// FNV-1a over the names and sizes in the order of the list.
static inline uint64_t interface_of_list() {
  constexpr uint64_t kPrime = 0x100000001b3;
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](const char *text, uint64_t bytes) {
    for (; *text != 0; text++)
      hash = (hash ^ static_cast<unsigned char>(*text)) * kPrime;
    hash = (hash ^ bytes) * kPrime;
  };
#define HS_LAUNCH(function, arguments) add(#function " " #arguments, sizeof(struct arguments));
#define HS_LAUNCH_CPU(function, arguments) HS_LAUNCH(function, arguments)
#include "halfstep_kernels.inc"
  return hash;
}

#endif
