# Kakoi. `make help` lists the targets. Everything fetched or built outside Go lies in KAKOI_BUILD_CACHE
# (default: the user's cache folder), made once by .setup/setup.sh; afterwards no target touches the network.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
ENGINE_ENV = . .setup/env.sh && kakoi_engine_env
# The window: X11 only, over the GLFW that .setup/window.sh changes for input methods.
WINDOW = -modfile=bin/build/window.mod -tags x11
# Packages that need libtorch or the tokenizer library (build tag torch).
NATIVE = . ./core/internal/... ./core/neox ./core/bert ./core/token ./core/train ./cmd/kakoi-engine
GO_TEST = go test -count=1 -timeout 30m

.PHONY: help run build test test-window screenshots check bench test-gpu cuda kernels golden clean test-ime bundle bundle-key package icon setup setup-tests starter

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|'

run: build ## build, add the sample collection, and open the window (without a display: answer two questions)
	@bash .setup/run.sh

build: setup ## build bin/kakoi and bin/kakoi-engine
	@mkdir -p bin/models
	go build $(WINDOW) -ldflags '-s -w -X main.version=$(VERSION)' -o bin/kakoi ./cmd/kakoi
	@$(ENGINE_ENV) && go build -tags torch -ldflags '-s -w -X main.version=$(VERSION) -extldflags "-Wl,-rpath,$$ORIGIN/lib -Wl,--enable-new-dtags"' -o bin/kakoi-engine ./cmd/kakoi-engine
	@bash .setup/layout.sh

test: build setup-tests ## every test that needs no GPU
	@. .setup/env.sh && export KAKOI_FONTS && $(GO_TEST) ./...
	@$(ENGINE_ENV) && export KAKOI_HOME=$$PWD/bin && $(GO_TEST) -p 1 -tags torch $(NATIVE)
	@$(GO_TEST) -tags window -run '^TestWindow' .

test-window: build setup-tests ## the window alone, on a screen of its own: keyboard, mouse, dragged files (part of make test)
	@$(GO_TEST) -v -tags window -run '^TestWindow' .

screenshots: build setup-tests ## the same run takes the pictures of docs/screenshots anew
	@KAKOI_SHOTS=$$PWD/docs/screenshots $(GO_TEST) -v -tags window -run '^TestWindow' .

starter: ## what the recipe of the starter model needs, stage by stage (for maintainers)
	@sed -n '/^| stage/,/^| 7/p' resources/starter/recipe/README.md

check: setup ## format, vet and the pure tests under the race detector
	@test -z "$$(gofmt -l app cmd core index resources ui *.go | tee /dev/stderr)" || { echo "run gofmt -w on these files" >&2; exit 1; }
	go vet ./...
	go vet $(WINDOW) ./cmd/kakoi
	go test -race -short ./app/... ./core/... ./index/...

bench: build ## figures of this machine, against its own limits
	bin/kakoi bench ingest
	bin/kakoi bench index
	bin/kakoi bench embed
	bin/kakoi bench prefill
	bin/kakoi bench decode
	bin/kakoi bench ask

cuda: build ## fetch the libraries for an NVIDIA GPU (2.5 GB)
	@bash .setup/setup.sh --cuda && bash .setup/layout.sh

kernels: setup ## every CUDA kernel for every generation of GPUs, without one: make kernels NVRTC=FOLDER (of libnvrtc.so.13)
	@$(ENGINE_ENV) && LD_LIBRARY_PATH="$(NVRTC):$$LD_LIBRARY_PATH" go run -tags torch ./core/internal/kernel/cuda/kernels -nvrtc "$(NVRTC)"

test-gpu: build setup-tests ## the self-test and the golden tests on the GPU of this machine
	@bash .setup/test-gpu.sh

test-ime: build ## Japanese through a real input method (needs fcitx5 or ibus with mozc)
	@bash .setup/test-ime.sh

bundle: setup ## dist/kakoi*.deb and .tar.gz for machines without a network: make bundle [SIGN=KEY] [CUDA=1]
	@SIGN='$(SIGN)' CUDA='$(CUDA)' bash .setup/bundle.sh

bundle-key: ## a key pair to sign bundles with: make bundle-key KEY=FILE
	@go run .setup/bundle.go key '$(KEY)'

package: bundle

icon: ## the icon's PNGs anew from resources/icon/kakoi.svg (needs rsvg-convert)
	for n in 32 48 64 128 256 512; do rsvg-convert -w $$n -h $$n -o resources/icon/kakoi-$$n.png resources/icon/kakoi.svg; done

golden: ## make the golden files anew with the Python originals (needs network once)
	bash .setup/golden.sh

clean: ## remove bin (set-up pieces stay; remove KAKOI_BUILD_CACHE by hand)
	rm -rf bin

setup:
	@bash .setup/setup.sh

setup-tests:
	@bash .setup/setup.sh --tests
