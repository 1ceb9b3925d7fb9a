package osh

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gateway"
)

// Execute does what line asks for and returns the exit status.
func Execute(ctx context.Context, env Env, line Line) int {
	if line.Action == Connect {
		return env.Connect(ctx, &env, line)
	}
	if env.Terminal == nil {
		// What is read a byte at a time would be recorded a byte at a time.
		env.In = bufio.NewReader(env.In)
	} else {
		env.raw, env.rawErr = env.Out, env.Err
		env.Out, env.Err = crlf{env.Out}, crlf{env.Err}
		env.keys = startKeyboard(env.In)
		defer env.keys.stop()
	}
	if err := env.Refuses(line); err != nil {
		return refuseLine(&env, line, err)
	}
	if env.Prompts(line) {
		return interact(ctx, &env)
	}
	return dispatch(ctx, &env, line)
}

// Prompts reports whether line asks for the interactive mode.
func (e *Env) Prompts(line Line) bool {
	byDefault := line.Action == None && e.InteractiveByDefault && e.Terminal != nil
	return !line.Help && (line.Action == Interactive || byDefault)
}

// Refuses returns a *RefusalError for a line that has the right form and can't
// be served here.
func (e *Env) Refuses(line Line) error {
	switch {
	case e.Prompts(line) && !e.InteractiveAllowed:
		return refuse(gateway.RefusalNoInteractive, "the interactive mode is disabled on this gateway")
	case line.Action == None && !line.Help && !e.Prompts(line):
		return &RefusalError{Refusal: gateway.RefusalNoHost, Text: "neither a host nor a command was given", Usage: true}
	}
	return nil
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
	case line.Action == Run:
		return runCommand(ctx, env, line)
	case line.Help:
		return finish(env, line, show(env, line, usage))
	}
	return env.Connect(ctx, env, line)
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
	if re, ok := errors.AsType[*RefusalError](err); ok && re.Usage {
		var b bytes.Buffer
		usage(&b)
		writeText(env.Err, b.String())
	}
	return refusal(env, line, refusalOf(err))
}

func refusalOf(err error) Result {
	if re, ok := errors.AsType[*RefusalError](err); ok {
		return Refuse(re.Refusal, re.Text)
	}
	return Refuse(gateway.RefusalOptions, err.Error())
}

// refusal prints a failure: text for people on stderr, JSON on stdout.
func refusal(env *Env, line Line, r Result) int {
	complain(env, line, r)
	return finish(env, line, r)
}

// complain prints the text of a failure.
func complain(env *Env, line Line, r Result) {
	var p page
	fancy := env.fanciness(line.Quiet)
	writeMessage(&p, fancy, r)
	if text := hint(env, line, r); text != "" && !line.Quiet {
		fmt.Fprintln(&p, text)
	}
	writePage(env.Err, fancy, &p)
}

// hint says what may help after a refusal: the line to type, or to ask for.
func hint(env *Env, line Line, r Result) string {
	command := "--osh "
	if env.line != nil {
		command = ""
	}
	switch {
	case strings.Contains(r.Message, "--help"):
	case r.Code == "ERR_MISSING_PARAMETER" && line.Action == Run:
		return "Its options: " + command + line.Command + " --help"
	case r.Command != nil:
	case r.Code == "KO_"+gateway.RefusalUnknownCommand.Name:
		return "The commands: " + command + "help"
	case r.Code == "KO_"+gateway.RefusalOptions.Name && strings.Contains(r.Message, "option"):
		return "How to write a line: --help"
	case line.Action == Connect && r.Code == "KO_"+gateway.RefusalAccessDenied.Name && line.SSHAs == "":
		if line.Protocol == gateway.Postgres {
			return "To see why: " + command + "whyAccess --db " + line.Host
		}
		target := line.Host
		if strings.Contains(target, ":") {
			target = "[" + target + "]"
		}
		if line.User != "" {
			target = line.User + "@" + target
		}
		if line.Port != 0 {
			target += ":" + strconv.Itoa(int(line.Port))
		}
		return "To see why: " + command + "whyAccess " + target
	case line.Action == Run && r.Code == "KO_"+gateway.RefusalRestricted.Name && env.as == "" && env.Account != "":
		if c, ok := Lookup(line.Command); ok && c.Category == Restricted {
			return "An administrator can grant it: " + command + "accountGrantCommand " + env.Account + " " + c.Name
		}
	}
	return ""
}

// finish prints the JSON form and returns the exit status.
func finish(env *Env, line Line, r Result) int {
	if err := writeJSON(env.Out, line.JSON, r); err != nil {
		return gateway.RefusalPlugin.Code
	}
	return r.Exit
}

func show(env *Env, line Line, help func(io.Writer)) Result {
	var p page
	help(&p)
	writePage(env.Out, env.fanciness(line.Quiet), &p)
	return OK("help", "OK", "OK", nil)
}

// runCommand has a command executed and prints the answer.
func runCommand(ctx context.Context, env *Env, line Line) int {
	return finish(env, line, perform(ctx, env, line))
}

// perform has a command executed and prints the answer, or its help, for people.
func perform(ctx context.Context, env *Env, line Line) Result {
	failed := func(r Result) Result {
		complain(env, line, r)
		return r
	}
	cmd, ok := Lookup(line.Command)
	if !ok {
		return failed(Refuse(gateway.RefusalUnknownCommand, "unknown command "+line.Command))
	}
	if line.Help {
		return show(env, line, func(w io.Writer) { CommandHelp(w, cmd, line.LongHelp, env.line != nil) })
	}
	req := cmd.New()
	if err := parseArgs(req, line.Args); err != nil {
		return failed(Fail(cmd.Name, "ERR_BAD_OPTIONS",
			fmt.Sprintf("%v; --osh %s --help shows the options", err, cmd.Name), nil))
	}
	r, err := execute(ctx, env, line, cmd, req)
	if err != nil {
		r.Close()
		return failed(Refuse(gateway.RefusalPlugin, "the command could not be executed"))
	}
	defer r.Close()
	if r.Exit != 0 {
		return failed(r)
	}
	if err := printResult(env, line, cmd, r); err != nil {
		return failed(Fail(cmd.Name, "ERR_INTERNAL", "the answer can't be shown", nil))
	}
	return r
}

// execute has the monitor execute a request, with what the client does of it.
func execute(ctx context.Context, env *Env, line Line, cmd *Command, req any) (Result, error) {
	run := func(ctx context.Context, req any) (Result, error) { return call(ctx, env.Client, cmd.Name, req) }
	if cmd.Local == nil {
		return run(ctx, req)
	}
	local := *env
	local.current = line
	local.Fanciness = env.fanciness(line.Quiet)
	if line.Quiet && line.JSON != NoJSON {
		local.Out = io.Discard
	}
	return cmd.Local(ctx, &local, req, run)
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
