// Command gateway is the access gateway: the monitor, the recorder and the
// verbs to set up, run and look after a node.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"gateway"
)

// globals are the options of every verb.
type globals struct {
	Data string `default:"./data" placeholder:"DIR" help:"The data folder; ./data if not given."`
}

type verbs struct {
	globals

	Init      initCmd      `cmd:"" help:"Make a new data folder: keys, store, first administrator, a commented gateway.yaml."`
	Serve     serveCmd     `cmd:"" help:"Run the gateway."`
	Check     checkCmd     `cmd:"" help:"Validate gateway.yaml and print the configuration in force."`
	Doctor    doctorCmd    `cmd:"" help:"Say what protects this node and what does not."`
	Config    configCmd    `cmd:"" help:"Read or change gateway.yaml."`
	OSH       oshCmd       `cmd:"" name:"osh" help:"Run a command of the gateway here, as the owner of the data folder."`
	Recording recordingCmd `cmd:"" help:"List, replay, convert and verify recordings."`
	Version   versionCmd   `cmd:"" help:"Print the version."`

	Recorder recorderCmd `cmd:"" hidden:"" help:"Started by serve."`
}

// exitError ends the program with a status and no further word.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usageError is a mistake on the command line: exit status 2.
type usageError struct{ error }

func main() { os.Exit(run(os.Args[1:])) }

// run executes one verb and returns the exit status: 0, 1 when it failed, 2
// when it was called wrongly.
func run(args []string) int {
	var v verbs
	parser, err := kong.New(&v,
		kong.Name("gateway"),
		kong.Description("The single way in to a company's machines: it decides who may reach what, and records what they do.\n\n"+
			"Start with: gateway init --admin NAME --admin-key ~/.ssh/id_ed25519.pub, then gateway serve."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return complain(err)
	}
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:len(args):len(args)], "--help")
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return complain(usageError{fmt.Errorf("%w; gateway --help says more", err)})
	}
	return complain(ctx.Run(&v.globals))
}

// complain prints err for people and returns the exit status that it means.
func complain(err error) int {
	if err == nil {
		return 0
	}
	if status, ok := errors.AsType[exitError](err); ok {
		return int(status)
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		for _, kind := range []error{gateway.ErrInvalid, gateway.ErrConflict} {
			line = strings.TrimSuffix(line, ": "+kind.Error()) // the kind is for us, the text says it
		}
		fmt.Fprintln(os.Stderr, "gateway: "+gateway.Printable(line))
	}
	if _, ok := errors.AsType[usageError](err); ok || errors.Is(err, gateway.ErrInvalid) {
		return 2
	}
	return 1
}
