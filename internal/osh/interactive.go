package osh

import (
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/term"

	"gateway"
)

// interact is the gateway's own prompt: each line is one command, or one
// connection, and stands alone in the logs.
func interact(ctx context.Context, env *Env) int {
	role := "master"
	if env.Slave {
		role = "slave"
	}
	prompt := printable(env.Account) + "@" + printable(env.Name) + "(" + role + ")> "
	writeText(env.Out, "Type help for the commands, USER@HOST to connect, exit to leave.\n")
	next := func() (string, error) { return env.ask(prompt) }
	if env.Terminal == nil {
		writeText(env.Err, "Without a terminal nothing is completed or edited: ssh -t asks for one.\n")
	} else {
		in := env.keys.lease(env.InteractiveTimeout)
		defer in.Close()
		in.lines = true
		t := env.newTerminal(prompting{in}, prompt)
		t.AutoCompleteCallback = (&completer{ctx, env, t}).complete
		env.line = t
		next = func() (string, error) {
			env.fit(t)
			t.SetPrompt(prompt)
			return t.ReadLine()
		}
	}
	for ctx.Err() == nil {
		raw, err := next()
		if errors.Is(err, errIdle) {
			writeText(env.Out, "\nIdle for too long: goodbye.\n")
			return 0
		}
		if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
			return 0
		}
		switch strings.TrimSpace(raw) {
		case "":
			continue
		case "exit", "quit", "q":
			return 0
		case "mfa", "enable":
			refusal(env, Line{}, Refuse(gateway.RefusalMFAAny, "no second factor is set up for your account, and none can be yet"))
			continue
		case "nomfa", "end":
			writeText(env.Out, "This session is not elevated: there is nothing to end.\n")
			continue
		}
		one(ctx, env, raw)
	}
	return 0
}

// one executes a line of the prompt.
func one(ctx context.Context, env *Env, raw string) {
	line, err := parseTyped(raw)
	if err != nil {
		err = suggestHost(raw, err)
		refuseLine(env, line, err)
		return
	}
	if line.Action == Interactive || line.Action == None && !line.Help {
		writeText(env.Err, "You are in the interactive mode already.\n")
		return
	}
	dispatch(ctx, env, line)
}

// parseTyped reads a line of the prompt: a command stands without --osh, and
// "ssh" may stand before a connection.
func parseTyped(raw string) (Line, error) {
	s := scanner{line: raw}
	first, ok, err := s.next()
	switch {
	case err != nil || !ok:
		return ParseLine(raw)
	case first.text == "ssh":
		return ParseLine(s.rest())
	case strings.HasPrefix(first.text, "-") || strings.Contains(first.text, "@"):
		return ParseLine(raw)
	}
	return ParseLine("--osh " + raw)
}

// suggestHost helps who typed a host where commands are.
func suggestHost(raw string, err error) error {
	re, ok := errors.AsType[*RefusalError](err)
	word, _, _ := strings.Cut(strings.TrimSpace(raw), " ")
	if !ok || re.Refusal != gateway.RefusalUnknownCommand || !validHost(word) || maybe(word, names()) != "" {
		return err
	}
	return refuse(re.Refusal, "%s; to connect to a host of that name: ssh %s", re.Text, raw)
}

// prompting makes Ctrl-C at a prompt clear the line, as shells do, where the
// line editor would end the session.
type prompting struct{ r io.Reader }

func (p prompting) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	for i := range b[:n] {
		if b[i] == interruptKey {
			b[i] = 21 // Ctrl-U
		}
	}
	return n, err
}

// completer completes the word before the cursor when Tab is pressed.
type completer struct {
	ctx context.Context
	env *Env
	t   *term.Terminal
}

func (c *completer) complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	if pos > len(line) {
		return line, pos, true
	}
	start := strings.LastIndexAny(line[:pos], " \t") + 1
	word := line[start:pos]
	found := c.candidates(strings.Fields(line[:start]), word)
	if len(found) == 0 {
		return line, pos, true
	}
	common := found[0]
	for _, f := range found {
		common = commonPrefix(common, f)
	}
	if len(found) == 1 {
		common += " "
	} else if common == word {
		writeText(c.t, wrap(found, 0)+"\n")
	}
	return line[:start] + common + line[pos:], start + len(common), true
}

// candidates gives what word may become after the words before it.
func (c *completer) candidates(before []string, word string) []string {
	var all []string
	switch {
	case len(before) == 0 && strings.Contains(word, "@"):
		all = c.names("host", word)
	case len(before) == 0:
		all = append(c.names("command", word), "exit", "ssh")
	case before[0] == "ssh" && strings.HasPrefix(word, "-"):
		all = outerNames()
	case before[0] == "ssh":
		all = c.names("host", word)
	default:
		cmd, ok := Lookup(before[0])
		if !ok {
			return nil
		}
		opts := Options(cmd.New())
		if o, ok := find(opts, before[len(before)-1]); ok && o.Arg != "" {
			all = c.names(o.Complete, word)
			break
		}
		all = flagNames(opts)
		if o, ok := nextPositional(opts, before[1:]); ok && o.Complete != "" && !strings.HasPrefix(word, "-") {
			all = c.names(o.Complete, word)
		}
	}
	var found []string
	for _, name := range all {
		if strings.HasPrefix(name, word) {
			found = append(found, printable(name))
		}
	}
	return found
}

// nextPositional returns the option that a word without a name would be given
// to, after words.
func nextPositional(opts []Option, words []string) (Option, bool) {
	named := map[string]bool{}
	loose := 0
	for i := 0; i < len(words); i++ {
		flag, _, hasValue, ok := splitFlag(words[i])
		if !ok {
			loose++
			continue
		}
		if o, ok := find(opts, flag); ok {
			named[o.Names[0]] = true
			if o.Arg != "" && !hasValue {
				i++
			}
		}
	}
	for _, o := range opts {
		switch {
		case !o.Positional || named[o.Names[0]]:
		case loose == 0:
			return o, true
		default:
			loose--
		}
	}
	return Option{}, false
}

// names asks the monitor; without an answer there is nothing to complete.
func (c *completer) names(kind, prefix string) []string {
	if kind == "" {
		return nil
	}
	names, err := c.env.Client.Complete(c.ctx, kind, prefix)
	if err != nil {
		return nil
	}
	return names
}

func commonPrefix(a, b string) string {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return a[:n]
}
