package osh

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Help is the request of help.
type Help struct {
	Command string `opt:"command" arg:"COMMAND" pos:"true" complete:"command" help:"show the help of that command"`
}

// HelpValue is what the monitor answers; scripts see null.
type HelpValue struct {
	Allowed       []string
	Documentation string // where people find help; empty: nowhere else
}

func helpCommand() *Command {
	return &Command{
		Name:          "help",
		Category:      Open,
		WithoutFactor: true,
		Summary:       "the commands you may use, or the help of one",
		Examples:      []string{"help", "help selfAddIngressKey"},
		New:           func() any { return new(Help) },
		Local:         helpLocal,
	}
}

// helpLocal shows only what the account may use, so it asks the monitor, and
// keeps the answer to itself: the value of help is null.
func helpLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	r, err := run(ctx, req)
	if err != nil || r.Exit != 0 {
		return r, err
	}
	var allowed HelpValue
	if err := json.Unmarshal(r.Value, &allowed); err != nil {
		return Result{}, fmt.Errorf("read the list of commands: %w", err)
	}
	var p page
	if name := req.(*Help).Command; name != "" {
		c, ok := Lookup(name)
		if !ok {
			return Fail("help", "ERR_INVALID_PARAMETER", "unknown command "+name+maybe(name, names()), nil), nil
		}
		CommandHelp(&p, c, true, env.line != nil)
	} else {
		overview(&p, allowed)
	}
	writePage(env.Out, env.fanciness(false), &p)
	return OK("help", "OK", "OK", nil), nil
}

// overview lists commands by category.
func overview(w io.Writer, v HelpValue) {
	fmt.Fprintln(w, "Commands you may use, as --osh COMMAND; --osh COMMAND --help says more.")
	for _, cat := range []struct {
		category Category
		title    string
		shade    shade
	}{
		{Open, "for everybody", "1;32"},
		{GroupAclkeeper, "for aclkeepers of a group", "1;33"},
		{GroupKeepers, "for aclkeepers and owners of a group", "1;33"},
		{GroupGatekeeper, "for gatekeepers of a group", "1;33"},
		{GroupOwner, "for owners of a group", "1;33"},
		{Restricted, "granted one by one", "1;36"},
		{Admin, "for administrators", "1;31"},
	} {
		titled := false
		for _, c := range Commands() {
			if c.Category != cat.category || !slices.Contains(v.Allowed, c.Name) {
				continue
			}
			if !titled {
				fmt.Fprintln(w)
				writeHeading(w, cat.shade, cat.title+":")
				titled = true
			}
			fmt.Fprintf(w, "  %-25s %s\n", c.Name, c.Summary)
		}
	}
	if v.Documentation != "" {
		fmt.Fprintf(w, "\nMore help: %s\n", v.Documentation)
	}
}

// CommandHelp writes the help of one command, as it is typed at the gateway's
// prompt or after ssh … --.
func CommandHelp(w io.Writer, c *Command, long, atPrompt bool) {
	writeHeading(w, heading, c.Name+": "+c.Summary)
	fmt.Fprintln(w)
	opts := Options(c.New())
	words := []string{"Usage:", "--osh", c.Name}
	if atPrompt {
		words = []string{"Usage:", c.Name}
	}
	for _, o := range opts {
		text := o.Flag()
		switch {
		case o.Positional:
			text = "[" + text + "] " + o.Arg
		case o.Arg != "":
			text += " " + o.Arg
		}
		if !o.Required {
			text = "[" + text + "]"
		}
		words = append(words, text)
	}
	if c.Rest != "" {
		words = append(words, c.Rest)
	}
	fmt.Fprintln(w, wrap(words, 10))
	if len(opts) > 0 {
		fmt.Fprint(w, "\n")
	}
	for _, o := range opts {
		var flags []string
		for _, n := range o.Names {
			flags = append(flags, dashed(n))
		}
		writeOption(w, flags, o.Arg, o.Help)
	}
	if c.Category != Open {
		fmt.Fprintf(w, "\nWho may use it: %s\n", c.Category)
	}
	if !long {
		return
	}
	if c.Long != "" {
		fmt.Fprintf(w, "\n%s\n", wrap(strings.Fields(c.Long), 0))
	}
	for i, e := range c.Examples {
		if i == 0 {
			fmt.Fprintln(w)
			writeHeading(w, heading, "Examples:")
		}
		writeExample(w, e, atPrompt)
	}
}

func writeOption(w io.Writer, flags []string, arg, help string) {
	text := strings.Join(flags, "/")
	if arg != "" {
		text += " " + arg
	}
	if utf8.RuneCountInString(text) > 26 {
		fmt.Fprintf(w, "  %s\n", text)
		text = ""
	}
	words := strings.Fields(help)
	fmt.Fprintln(w, wrap(append([]string{fmt.Sprintf("  %-26s", text)}, words...), 29))
}

// writeExample writes an example so that it can be copied: at the prompt as it
// is declared; for a shell with the quotes that ssh takes off, and in lines of
// at most 80 columns.
func writeExample(w io.Writer, example string, atPrompt bool) {
	if atPrompt {
		fmt.Fprintln(w, "  "+example)
		return
	}
	words := []string{"  --osh"}
	s := scanner{line: example}
	for {
		v, ok, err := s.next()
		if err != nil || !ok {
			break
		}
		words = append(words, forShell(v.text))
	}
	fmt.Fprintln(w, strings.ReplaceAll(wrapAt(78, words, 4), "\n", " \\\n"))
}

// forShell quotes a word for the shell that starts ssh, which joins its words
// with blanks: what has to stay one word is quoted twice.
func forShell(word string) string {
	switch {
	case strings.ContainsAny(word, " '\"\\"):
		return `"` + quote(word) + `"`
	case strings.HasPrefix(word, "<"): // where the shell reads the input from
		return word
	case strings.ContainsAny(word, "*?[;&|$~"):
		return "'" + word + "'"
	}
	return word
}

// wrap joins words into lines of at most 80 columns, indented after the first.
func wrap(words []string, indent int) string { return wrapAt(80, words, indent) }

func wrapAt(width int, words []string, indent int) string {
	var b strings.Builder
	column := 0
	for i, word := range words {
		switch {
		case i == 0:
		case column+1+utf8.RuneCountInString(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += utf8.RuneCountInString(word)
	}
	return b.String()
}

// usage is the help of a line without a command.
func usage(w io.Writer) {
	fmt.Fprint(w, "Usage: [OPTIONS] [USER@]HOST [-- REMOTE COMMAND]   open a session with a target\n"+
		"       [OPTIONS] --osh COMMAND [OPTIONS]           run a command of the gateway\n"+
		"       -i                                          the gateway's own prompt\n\n")
	for _, o := range outerOptions() {
		if o.help != "" {
			writeOption(w, o.names, o.arg, o.help)
		}
	}
	fmt.Fprint(w, "\n--osh help lists the commands.\n")
}
