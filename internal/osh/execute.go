package osh

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"gateway"
)

// Execute does what line asks for and returns the exit status.
func Execute(ctx context.Context, env Env, line Line) int {
	if line.Action == Connect {
		return env.Connect(ctx, &env, line)
	}
	if env.Terminal != nil {
		env.raw, env.rawErr = env.Out, env.Err
		env.Out, env.Err = crlf{env.Out}, crlf{env.Err}
		env.keys = startKeyboard(env.In)
		defer env.keys.stop()
	}
	interactive := line.Action == Interactive || line.Action == None && env.InteractiveByDefault && env.Terminal != nil
	switch {
	case !interactive || line.Help:
		return dispatch(ctx, &env, line)
	case !env.InteractiveAllowed:
		return refusal(&env, line, Refuse(gateway.RefusalNoInteractive, "the interactive mode is disabled on this gateway"))
	}
	return interact(ctx, &env)
}

// dispatch executes one line, which may come from the prompt.
func dispatch(ctx context.Context, env *Env, line Line) int {
	if env.keys != nil {
		sub := *env
		in := env.keys.lease(0)
		defer in.Close()
		sub.In = in
		if line.Action == Connect {
			sub.Out, sub.Err = env.raw, env.rawErr
		} else {
			var cancel context.CancelFunc
			ctx, cancel = context.WithCancel(ctx)
			defer cancel()
			env.keys.onInterrupt(cancel)
			defer env.keys.onInterrupt(nil)
		}
		env = &sub
	}
	switch {
	case line.Action == Run && line.Help:
		c, _ := Lookup(line.Command)
		return show(env, line, func(w io.Writer) { CommandHelp(w, c, line.LongHelp) })
	case line.Help:
		return show(env, line, usage)
	case line.Action == Connect:
		return env.Connect(ctx, env, line)
	case line.Action == Run:
		return runCommand(ctx, env, line)
	}
	var b bytes.Buffer
	usage(&b)
	writeText(env.Err, b.String())
	return refusal(env, line, Refuse(gateway.RefusalNoHost, "neither a host nor a command was given"))
}

// RefuseLine answers a line that ParseLine refused, and returns the exit
// status. It also serves refusals of the connection itself.
func RefuseLine(env Env, line Line, err error) int {
	if env.Terminal != nil {
		env.Out, env.Err = crlf{env.Out}, crlf{env.Err}
	}
	return refuseLine(&env, line, err)
}

func refuseLine(env *Env, line Line, err error) int {
	if re, ok := errors.AsType[*RefusalError](err); ok {
		return refusal(env, line, Refuse(re.Refusal, re.Text))
	}
	return refusal(env, line, Refuse(gateway.RefusalOptions, err.Error()))
}

// refusal prints a failure: text for people on stderr, JSON on stdout.
func refusal(env *Env, line Line, r Result) int {
	var p page
	fancy := env.fanciness(line.Quiet)
	writeMessage(&p, fancy, r)
	writePage(env.Err, fancy, &p)
	return finish(env, line, r)
}

// finish prints the JSON form and returns the exit status.
func finish(env *Env, line Line, r Result) int {
	if err := writeJSON(env.Out, line.JSON, r); err != nil {
		return gateway.RefusalPlugin.Code
	}
	return r.Exit
}

func show(env *Env, line Line, help func(io.Writer)) int {
	var p page
	help(&p)
	writePage(env.Out, env.fanciness(line.Quiet), &p)
	return finish(env, line, OK("help", "OK", "OK", nil))
}

// runCommand parses the command's own options, has it executed and prints the
// answer.
func runCommand(ctx context.Context, env *Env, line Line) int {
	cmd, ok := Lookup(line.Command)
	if !ok {
		return refusal(env, line, Refuse(gateway.RefusalUnknownCommand, "unknown command "+line.Command))
	}
	req := cmd.New()
	if err := parseOptions(req, line.Args); err != nil {
		return refusal(env, line, Fail(cmd.Name, "ERR_BAD_OPTIONS",
			fmt.Sprintf("%v; --osh %s --help shows the options", err, cmd.Name), nil))
	}
	run := func(ctx context.Context, req any) (Result, error) { return call(ctx, env.Client, cmd.Name, req) }
	var r Result
	var err error
	if cmd.Local != nil {
		quiet := *env
		quiet.Fanciness = env.fanciness(line.Quiet)
		if line.Quiet && line.JSON != NoJSON {
			quiet.Out = io.Discard
		}
		r, err = cmd.Local(ctx, &quiet, req, run)
	} else {
		r, err = run(ctx, req)
	}
	defer r.Close()
	if err != nil {
		return refusal(env, line, Refuse(gateway.RefusalPlugin, "the command could not be executed"))
	}
	if r.Exit != 0 {
		return refusal(env, line, r)
	}
	if err := printResult(env, line, cmd, r); err != nil {
		return refusal(env, line, Fail(cmd.Name, "ERR_INTERNAL", "the answer can't be shown", nil))
	}
	return finish(env, line, r)
}

// printResult writes the answer for people.
func printResult(env *Env, line Line, cmd *Command, r Result) error {
	if line.Quiet && line.JSON != NoJSON {
		return nil
	}
	var p page
	fancy := env.fanciness(line.Quiet)
	if r.Message != "" && r.Message != r.Code {
		writeMessage(&p, fancy, r)
	}
	if cmd.Text != nil && len(r.Value) > 0 && string(r.Value) != "null" {
		if err := cmd.Text(&p, r); err != nil {
			return err
		}
	}
	writePage(env.Out, fancy, &p)
	return nil
}

// call encodes the request and runs it.
func call(ctx context.Context, c Client, command string, req any) (Result, error) {
	raw, err := json.Marshal(req)
	if err != nil {
		return Result{}, fmt.Errorf("encode request: %w", err)
	}
	return c.Run(ctx, command, raw)
}
