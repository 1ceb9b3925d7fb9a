package osh

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gateway"
)

// AdminSudoName is the command that runs another as another account.
const AdminSudoName = "adminSudo"

// AdminSudo is the request of adminSudo.
type AdminSudo struct {
	SudoAs  string `opt:"sudo-as" arg:"ACCOUNT" required:"true" complete:"account" help:"the account to act as"`
	SudoCmd string `opt:"sudo-cmd" arg:"COMMAND" required:"true" complete:"command" help:"what it is to run; its options follow after --"`
	Params  []string
}

// parseArgs implements ownArgs: [--] OPTION ... [-- WORD ...].
func (s *AdminSudo) parseArgs(args []string) error {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if i := slices.Index(args, "--"); i >= 0 {
		args, s.Params = args[:i], args[i+1:]
	}
	return parseOptions(s, args)
}

// AdminSudoValue is the value of adminSudo: how a program ended, as far as
// there is one.
type AdminSudoValue struct {
	Bytes     AdminSudoBytes `json:"bytesnb"`
	Coredump  bool           `json:"coredump"`
	Signal    *string        `json:"signal"`
	Status    int            `json:"status"`
	Stderr    []string       `json:"stderr"`
	Stdout    []string       `json:"stdout"`
	Sysret    int            `json:"sysret"`
	SysretRaw int            `json:"sysret_raw"`
}

// AdminSudoBytes counts what was printed.
type AdminSudoBytes struct {
	Stdout int `json:"stdout"`
}

// maxSudoOutput bounds what is kept of the output of the inner command.
const maxSudoOutput = 16 << 20

func adminSudoCommand() *Command {
	return &Command{
		Name:     AdminSudoName,
		Category: Admin,
		Summary:  "run a command as another account",
		Long: "The command has the rights of that account, no others, and each use is a security event in the audit log. " +
			"This is how somebody who lost their key gets a new one. An account that is frozen or has expired stays so.",
		Examples: []string{
			`adminSudo -- --sudo-as bob --sudo-cmd selfAddIngressKey -- --public-key 'ssh-ed25519 AAAA… bob@laptop'`,
			"adminSudo -- --sudo-as bob --sudo-cmd selfListAccesses",
		},
		New:   func() any { return new(AdminSudo) },
		Local: adminSudoLocal,
	}
}

func adminSudoLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	r, err := run(ctx, req)
	if err != nil || r.Exit != 0 {
		return r, err
	}
	s := req.(*AdminSudo)
	client, ok := env.Client.(Impersonator)
	if !ok {
		return Result{}, fmt.Errorf("act as another account: %w", gateway.ErrInvalid)
	}
	kept := &room{left: maxSudoOutput}
	out := &capture{w: env.Out, room: kept, max: maxSudoOutput}
	errOut := &capture{w: env.Err, room: kept, max: maxSudoOutput}
	inner := *env
	inner.Client, inner.Account, inner.as = client.As(s.SudoAs), s.SudoAs, s.SudoAs
	inner.Out, inner.Err, inner.Fanciness = out, errOut, FancinessNone // colours are no text
	code := sudo(ctx, &inner, s)
	v := AdminSudoValue{
		Bytes: AdminSudoBytes{Stdout: out.total}, Status: code, Sysret: code, SysretRaw: code << 8,
		Stdout: out.lines(), Stderr: errOut.lines(),
	}
	message := fmt.Sprintf("%s was run as %s.", s.SudoCmd, s.SudoAs)
	answer := "OK"
	if code != 0 {
		answer, message = "OK_NON_ZERO_EXIT", fmt.Sprintf("%s was run as %s, and ended with the exit status %d.", s.SudoCmd, s.SudoAs, code)
	}
	if out.cut() || errOut.cut() {
		message += fmt.Sprintf(" Only the first %d bytes of its output are in this answer.", maxSudoOutput)
	}
	return OK(AdminSudoName, answer, message, v), nil
}

// sudo runs the inner command by the grammar of all lines.
func sudo(ctx context.Context, env *Env, s *AdminSudo) int {
	words := []string{"--osh", quote(s.SudoCmd)}
	for _, p := range s.Params {
		words = append(words, quote(p))
	}
	line, err := ParseLine(strings.Join(words, " "))
	if err != nil {
		line.JSON = env.current.JSON
		return refuseLine(env, line, err)
	}
	if line.JSON == NoJSON {
		line.JSON = env.current.JSON
	}
	line.Quiet = line.Quiet || env.current.Quiet
	return runCommand(ctx, env, line)
}
