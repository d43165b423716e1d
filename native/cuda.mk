# Builds the kernels of cuda/ twice, for include/halfstep.h:
#   make -f cuda.mk on-cpu   build/libhalfstep_cuda_on_cpu.so, by the C++ compiler and cuda_on_cpu/: for tests
#   make -f cuda.mk cuda     build/libhalfstep_cuda.so, by nvcc; where there is none, a line says so
#
# Machine code is made for sm_80 (which sm_86 and sm_89 run) and sm_90; newer GPUs compile the PTX when it is loaded.

CXX ?= g++
NVCC ?= $(firstword $(wildcard $(CUDA_HOME)/bin/nvcc) $(shell command -v nvcc 2>/dev/null) $(wildcard /usr/local/cuda/bin/nvcc))
BUILD := build
LIBRARY := $(BUILD)/libhalfstep_cuda.so
ON_CPU := $(BUILD)/libhalfstep_cuda_on_cpu.so

SOURCES := $(wildcard cuda/*.cu)
OBJECTS := $(SOURCES:cuda/%.cu=$(BUILD)/cuda/%.o)
ON_CPU_OBJECTS := $(SOURCES:cuda/%.cu=$(BUILD)/cuda_on_cpu/%.o) $(BUILD)/cuda_on_cpu/fibers.o
CONFORMANCE := $(BUILD)/cuda_conformance
ON_CPU_CONFORMANCE := $(BUILD)/cuda_on_cpu_conformance
FIBERS_TEST := $(BUILD)/cuda_on_cpu_fibers

CXXFLAGS := -std=c++20 -O2 -g1 -Wall -Wextra -Werror -Wno-psabi -Wno-unknown-pragmas -fPIC -fvisibility=hidden \
            -fno-exceptions -fno-rtti -Iinclude -Icuda_on_cpu
NVCCFLAGS := -std=c++20 -O3 -Werror all-warnings -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra -Iinclude \
             -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]

.PHONY: on-cpu cuda
on-cpu: $(ON_CPU) $(ON_CPU_CONFORMANCE) $(FIBERS_TEST)

ifeq ($(NVCC),)
cuda:
	@echo 'The CUDA kernels were not built: nvcc was not found (put it on the PATH, or set CUDA_HOME or NVCC)'
else
cuda: $(LIBRARY) $(CONFORMANCE)
endif

# The names are those of the CPU's library as well: each library calls its own.
LDFLAGS := -z,defs,-Bsymbolic,--exclude-libs,ALL

$(ON_CPU): $(ON_CPU_OBJECTS)
	@echo 'link $@'
	@$(CXX) $^ -shared -static-libstdc++ -static-libgcc -Wl,$(LDFLAGS) -o $@.new && mv -f $@.new $@

# The runtime is linked in: nothing of CUDA is needed until a device is asked for.
$(LIBRARY): $(OBJECTS)
	@echo 'link $@'
	@$(NVCC) $^ -shared -cudart static -Xcompiler -static-libstdc++,-static-libgcc -Xlinker $(LDFLAGS) -o $@.new && mv -f $@.new $@

$(BUILD)/cuda_on_cpu/%.o: cuda/%.cu cuda.mk | $(BUILD)/cuda_on_cpu
	@echo 'compile $< (for the CPU)'
	@$(CXX) $(CXXFLAGS) -MMD -MP -x c++ -c $< -o $@

$(BUILD)/cuda_on_cpu/%.o: cuda_on_cpu/%.cpp cuda.mk | $(BUILD)/cuda_on_cpu
	@echo 'compile $<'
	@$(CXX) $(CXXFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/cuda/%.o: cuda/%.cu cuda.mk | $(BUILD)/cuda
	@echo 'compile $<'
	@$(NVCC) $(NVCCFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/cuda $(BUILD)/cuda_on_cpu $(BUILD)/cases:
	mkdir -p $@

# Runs every kernel beside the CPU's: build/cuda_conformance build/libhalfstep_cpu.so build/libhalfstep_cuda.so
# What it compares is read from the sources of the kernels, which have it behind HS_CASES, as plain C++.
HARNESS := $(wildcard cuda/test/*.cu)
CASES := $(patsubst cuda/%.cu,$(BUILD)/cases/%.o,$(shell grep -l HS_CASES $(SOURCES)))
# Fields of arguments that a case does not name are zero or NULL.
CASE_FLAGS := -Wno-missing-field-initializers

$(BUILD)/cases/%.o: cuda/%.cu cuda.mk | $(BUILD)/cases
	@echo 'compile $< (its cases)'
	@$(CXX) -std=c++20 -O1 -g1 -Wall -Wextra -Werror $(CASE_FLAGS) -Iinclude -DHS_CASES -MMD -MP -x c++ -c $< -o $@

$(CONFORMANCE): $(HARNESS) $(CASES) cuda/test/harness.h cuda.mk $(wildcard include/*) | $(BUILD)/cuda
	@echo 'compile $(HARNESS)'
	@$(NVCC) -std=c++20 -O1 -Werror all-warnings -Xcompiler -Wall,-Wextra -Iinclude -cudart static \
	  -Xcompiler -static-libstdc++,-static-libgcc $(HARNESS) $(CASES) -o $@ -ldl

$(ON_CPU_CONFORMANCE): $(HARNESS) $(CASES) $(BUILD)/cuda_on_cpu/fibers.o cuda/test/harness.h cuda_on_cpu/cuda_runtime.h cuda.mk $(wildcard include/*)
	@echo 'compile $(HARNESS) (for the CPU)'
	@$(CXX) -std=c++20 -O1 -g1 -Wall -Wextra -Werror -Iinclude -Icuda_on_cpu -x c++ $(HARNESS) -x none $(CASES) \
	  $(BUILD)/cuda_on_cpu/fibers.o -o $@ -ldl

$(FIBERS_TEST): cuda_on_cpu/test/fibers_test.cpp $(BUILD)/cuda_on_cpu/fibers.o cuda.mk
	@echo 'compile $<'
	@$(CXX) -std=c++20 -O1 -g1 -Wall -Wextra -Werror -Wno-unknown-pragmas -Icuda_on_cpu $< $(BUILD)/cuda_on_cpu/fibers.o -o $@

-include $(OBJECTS:.o=.d) $(ON_CPU_OBJECTS:.o=.d) $(CASES:.o=.d)
