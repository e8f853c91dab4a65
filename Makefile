# `make check` is what to run before sending a change; `bash .ci/run` runs everything.
# All targets work from a fresh clone; versions of tools are pinned here.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 5s
EVALFLAGS   ?= --honest 60 --cheats 12 --calibration 80 --lifetimes 2000 --draws 100

.PHONY: check build format generate tidy lint vet staticcheck vulncheck test race kill lifetimes bits fuzz bench indistinct newcomer interop openapi browser llama llama-server eval verification sim mechanism

check:
	bash test/unchanged.sh $(MAKE) --no-print-directory format generate
	$(MAKE) --no-print-directory lint test

build:
	go build -o vision ./cmd/vision

format:
	gofmt -w $$(git ls-files --cached --others --exclude-standard '*.go')

generate:
	go generate ./...

lint: vet tidy staticcheck

vet:
	go vet ./...

tidy:
	go mod tidy -diff

staticcheck:
	go run $(STATICCHECK) ./...

vulncheck:
	bash test/vulncheck.sh

test:
	go test ./...

# Under the detector a killed program is adopted slowly: a few are enough there.
race:
	VISION_KILLS=4 go test -race -timeout 20m ./...

# Programs are killed more often than the usual tests do it.
kill:
	VISION_KILLS=25 go test -count=1 -v -run '^(TestKill|TestKillPayers|TestKillJudges|TestNothingAcknowledgedIsLostByKilling)$$' ./internal/store/sqlite ./cmd/vision

# Honest miners are convicted as rarely as is promised, by the default rules.
lifetimes:
	VISION_LIFETIMES=100000 go test -count=1 -v -run '^TestManyHonestLifetimes$$' ./internal/judgement

# Scores must have the same bits on every machine.
bits:
	bash test/bits.sh

fuzz:
	bash test/fuzz.sh $(FUZZTIME)

bench:
	go test -run '^$$' -bench . -benchtime 1x ./...

# Whether miners can tell probes from customers' requests: longer runs than the usual tests', and cadence.
indistinct:
	VISION_INDISTINCT=800 go test -count=1 -v -timeout 10m -run TestProbesCannotBeTold ./test/indistinct

newcomer:
	bash test/newcomer.sh

interop:
	bash test/interop/run.sh

openapi:
	bash test/openapi/run.sh

browser:
	bash test/browser/run.sh

llama:
	bash test/llama/run.sh

# The adapter of llama.cpp's own server on a real one. Not part of CI: building it takes 10 minutes.
llama-server:
	bash test/llama/server.sh

# What the checker finds of which cheat, on the built-in model. docs/verification.md says how its table is made.
eval:
	go run ./cmd/vision checker eval --check $(EVALFLAGS)

# The checker's tests on a real model at several levels. Not part of CI: it takes hours.
verification:
	bash test/verification/run.sh

# What honest work and every cheat earn under vision7: fails if a claim of docs/simulation.md is broken.
sim:
	go run ./cmd/vision sim table --mechanism vision7 --miners 20 --periods 48 --seeds 3 --check

# vision7 over real sockets: every cheat below every honest miner within ten short periods.
mechanism:
	go test -count=1 -tags mechanism -run TestEveryCheat -v -timeout 10m ./internal/devnet
