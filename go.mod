module github.com/wye-org/wye

go 1.26
