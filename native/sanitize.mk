# Builds the CPU's kernels with every access and every operation checked at run time; a finding ends the program:
#   make -f sanitize.mk       build/sanitize/libhalfstep_cpu.so
BUILD := build/sanitize
include Makefile

comma := ,
BUILD := build/sanitize
LIBRARY := $(BUILD)/libhalfstep_cpu.so
CXXFLAGS += -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDFLAGS := $(filter-out -Wl$(comma)-z$(comma)defs -static-libgcc,$(LDFLAGS)) -fsanitize=address,undefined
