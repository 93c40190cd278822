# Ferry's one entrance: `make` says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DEFAULT_GOAL := help

RELEASE := .build/release/ferry
PYTHON := .venv/bin/python
LOGS := .build/logs
# What the tests print last: kept, so that the end of a run shows every runner's own summary.
keep = 2>&1 | tee $(LOGS)/$(1).log

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

run: release ## Install what is missing, build, run the agent with two simulated devices
	@exec $(RELEASE) serve --simulate 2

build: build-packages ## Build for debugging
	swift build

release: build-packages ## Build for use: .build/release/ferry
	swift build -c release --static-swift-stdlib --product ferry

check: build-packages $(PYTHON) ## Check format, layering, docs and the API document
	swift format lint --strict -r Sources Tests Package.swift
	$(PYTHON) -m pyflakes Tests Benchmarks
	$(PYTHON) Tests/Checks/layers.py
	$(PYTHON) Tests/Checks/house.py
	$(PYTHON) Tests/OpenAPI/render.py --check
	$(PYTHON) Tests/OpenAPI/check.py openapi/openapi.yaml

test: ## Install what is missing, build, run every test
	@$(MAKE) --no-print-directory test-unit test-model test-e2e test-api test-kernel
	@$(MAKE) --no-print-directory summary

test-unit: build-packages | $(LOGS) ## Unit tests and the laws of devices, in Swift
	swift build --build-tests
	swift test --skip-build --disable-xctest --skip LabTests $(call keep,unit)

test-simulation: build-packages ## 100,000 schedules of both coordinators, crashes and losses (minutes)
	swift build --build-tests
	FERRY_SCHEDULES=100000 swift test --skip-build --disable-xctest --filter SimulationTests

test-model: $(PYTHON) | $(LOGS) ## The rules of the handover, searched by spin
	$(PYTHON) Tests/Model/run.py $(call keep,model)

test-e2e: release $(PYTHON) | $(LOGS) ## End to end: real processes, real curl
	FERRY=$(RELEASE) $(PYTHON) -m pytest -q Tests/EndToEnd $(call keep,e2e)

test-api: release $(PYTHON) | $(LOGS) ## The API against its own document, by schemathesis
	FERRY=$(RELEASE) $(PYTHON) Tests/OpenAPI/run-schemathesis.py $(call keep,api)

test-kernel: release lab-packages $(PYTHON) | $(LOGS) ## The kernel's own VFIO, in virtual machines
	swift build --build-tests
	$(PYTHON) Tests/KernelLab/run.py $(call keep,kernel)

test-asan: build-packages $(PYTHON) | $(LOGS) ## Unit and end-to-end tests under the address sanitizer
	swift build --build-tests --sanitize address --scratch-path .build-asan
	swift test --skip-build --disable-xctest --sanitize address --scratch-path .build-asan --skip LabTests
	LSAN_OPTIONS=suppressions=$(CURDIR)/Tests/lsan.txt:print_suppressions=0 \
		FERRY=.build-asan/debug/ferry FERRY_SANITIZED=1 $(PYTHON) -m pytest -q Tests/EndToEnd

test-tsan: build-packages $(PYTHON) | $(LOGS) ## The same under the thread sanitizer
	swift build --build-tests --sanitize thread --scratch-path .build-tsan
	swift test --skip-build --disable-xctest --sanitize thread --scratch-path .build-tsan --skip LabTests
	FERRY=.build-tsan/debug/ferry FERRY_SANITIZED=1 $(PYTHON) -m pytest -q Tests/EndToEnd

bench: release $(PYTHON) ## Ferry beside its peers, in a network namespace of its own (about ten minutes)
	@deploy/install-packages Benchmarks/packages.txt
	swift build -c release --package-path Benchmarks/hummingbird-hello --scratch-path .build/hummingbird
	@$(MAKE) --no-print-directory -C Benchmarks
	$(PYTHON) Benchmarks/run.py $(SUITES)

format: ## Format the Swift code
	swift format -i -r Sources Tests Package.swift

openapi: $(PYTHON) ## Make openapi.json from openapi.yaml
	$(PYTHON) Tests/OpenAPI/render.py

clean: ## Remove what was built
	rm -rf .build .build-asan .build-tsan .venv

summary:
	@for log in unit model e2e api kernel; do printf '%-8s' $$log; tail -n 1 $(LOGS)/$$log.log; done

build-packages:
	@deploy/install-packages deploy/packages.txt

lab-packages:
	@deploy/install-packages Tests/KernelLab/packages.txt

$(PYTHON): Tests/requirements.txt
	@deploy/install-packages Tests/packages.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --retries 10 --disable-pip-version-check -r $<
	@touch $@

$(LOGS):
	@mkdir -p $@

.PHONY: help run build release check test test-unit test-simulation test-model test-e2e test-api test-kernel test-asan \
	test-tsan bench format openapi clean summary build-packages lab-packages
