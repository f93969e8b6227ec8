module github.com/wye-org/wye/hub/server

go 1.26.0

require (
	github.com/wye-org/wye v0.0.0
	go.uber.org/goleak v1.3.0
)
