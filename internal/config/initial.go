package config

import (
	_ "embed"
	"strings"
)

//go:generate go test -run TestGenerated -update

//go:embed initial.yaml
var initial string

// InitialFile returns the gateway.yaml of a new data folder: the name, and
// every other setting commented out with its default and what it means.
func InitialFile(name string) []byte {
	setting := Setting{Key: "bastionName", Value: name}
	return []byte(strings.Replace(initial, "#bastionName: gateway\n", setting.String()+"\n", 1))
}
