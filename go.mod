module github.com/wye-org/wye

go 1.26.0

require (
	github.com/klauspost/compress v1.20.3
	go.uber.org/goleak v1.3.0
	golang.org/x/net v0.62.0
	golang.org/x/time v0.16.0
)

require golang.org/x/text v0.43.0 // indirect
