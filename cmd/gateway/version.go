package main

import "fmt"

// version is the release that this source is of.
const version = "0.1.0"

// versionCmd prints the version.
type versionCmd struct{}

// Run prints it.
func (versionCmd) Run() error {
	_, err := fmt.Println("gateway " + version)
	return err
}
