.PHONY: help fmt lint test race fuzz invert cover bench peers tidy api ci

help: ## what there is
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' Makefile

fmt: ## format the source
	gofmt -w .

lint: ## vet and staticcheck
	go vet work
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 work

test: ## every module's tests
	go test work

race: ## the same with the race detector
	go test -race work

fuzz: ## every fuzz target, for SECONDS together; ONLY picks some
	.ci/fuzz $(or $(SECONDS),240) $(ONLY)

invert: ## break each rule of the RFCs in turn, and see a test fail
	go run ./internal/invert

cover: ## coverage by function, in coverage.html too
	go test -coverpkg=work -coverprofile=coverage.out work
	go tool cover -func=coverage.out
	go tool cover -html=coverage.out -o coverage.html

bench: ## benchmarks; ONLY picks some
	go test -run '^$$' -bench '$(or $(ONLY),.)' -benchmem work

peers: ## what servers cost beside those of other libraries; writes docs/benchmarks.md
	cd peers && go run ./bench

tidy: ## go.mod and go.sum of every module
	.ci/tidy

api: ## write down what the packages export, in docs/api
	go test ./internal/api -update

ci: ## all that must hold before a change is taken
	.ci/run
