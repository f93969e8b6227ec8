module github.com/wye-org/wye/hub/server

go 1.26.0

require (
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/wye-org/wye v0.0.0
	go.uber.org/goleak v1.3.0
)

require (
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)
