// Package interop drives the real gateway with real clients and servers. All
// of it is tests: scripts in testdata where they read well, Go where they
// don't. It imports nothing of ours; what it knows of the gateway is what a
// person at a terminal knows.
//
// A target is OpenSSH's sshd, started for each connection, so that nothing
// listens longer than its test. A client that isn't installed is a skip with a
// name, and a failure when CI is set; packages.txt lists what to install.
package interop
