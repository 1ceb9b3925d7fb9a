package osh

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"gateway"
)

// DBName is the command that connects to a database.
const DBName = "db"

// DB is the request of db. Without ExplainConnection it is no command that is
// run, but a connection.
type DB struct {
	Name              string `opt:"name" arg:"NAME" pos:"true" required:"true" complete:"database" help:"the database; dbList says which there are"`
	ExplainConnection bool   `opt:"explain-connection" help:"say what would be done, and with which credential, and don't connect"`
	Psql              []string
}

// DBValue is the value of db --explain-connection: the database as who asks may
// use it, and where that is now.
type DBValue struct {
	Database
	IP *string `json:"ip"` // nil: the name can't be resolved
}

// parseArgs implements ownArgs: OPTION ... [-- PSQL-OPTION ...].
func (d *DB) parseArgs(args []string) error {
	if i := slices.Index(args, "--"); i >= 0 {
		var err error
		if d.Psql, err = psqlArgs(args[i+1:]); err != nil {
			return err
		}
		args = args[:i]
	}
	err := parseOptions(d, args)
	if i := slices.IndexFunc(args, func(w string) bool { return len(w) > 1 && w[0] == '-' && isPsqlOption(w) }); err != nil && d.Psql == nil && i >= 0 {
		return fmt.Errorf("option %s is one of psql's: those come after --, as in db NAME -- %s", clip(args[i]), clip(args[i]))
	}
	return err
}

// connection is a request that may stand for a connection.
type connection interface {
	// line gives what l stands for; ok is false when it is a command after all.
	line(l Line) (connect Line, ok bool)
}

// line implements connection.
func (d *DB) line(l Line) (Line, bool) {
	l.Action, l.Protocol, l.Host, l.Args = Connect, gateway.Postgres, d.Name, d.Psql
	return l, !d.ExplainConnection && d.Name != ""
}

func dbCommand() *Command {
	return &Command{
		Name:     DBName,
		Category: Open,
		Summary:  "psql at a database",
		Rest:     "[-- PSQL-OPTION ...]",
		Long: "The gateway logs in to the database; its password stays there. psql runs in a jail on the gateway: it can start no other program, " +
			"and reaches no file or network but its own. Every statement is recorded. What follows after -- goes to psql; " +
			"the words after -c are joined, as your shell has taken the quotes away. " +
			"Your own tools reach the same database through ssh -N -L 5000:NAME:5432, with any user and no password.",
		Examples: []string{
			"db --name sales",
			"db --name sales -- -c 'select count(*) from orders' --csv",
			"db --name sales --explain-connection",
		},
		New:  func() any { return new(DB) },
		Text: dbText,
	}
}

func dbText(w io.Writer, r Result) error {
	var v DBValue
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	if v.IP == nil {
		fmt.Fprintf(w, "  The name %s can't be resolved now.\n", v.Host)
	} else if *v.IP != v.Host {
		fmt.Fprintf(w, "  %s is %s now.\n", v.Host, *v.IP)
	}
	writeDatabase(w, &v.Database)
	return nil
}

// psqlOption is an option of psql that may be given.
type psqlOption struct {
	short byte // 0: none
	long  string
	value bool
}

// psqlOptions are those that have a meaning in the jail: where to connect to, and
// as whom, is the gateway's word.
func psqlOptions() []psqlOption {
	return []psqlOption{
		{'c', "command", true}, {'f', "file", true}, {'l', "list", false}, {'v', "set", true}, {0, "variable", true}, {'X', "no-psqlrc", false}, {'1', "single-transaction", false},
		{'a', "echo-all", false}, {'b', "echo-errors", false}, {'e', "echo-queries", false}, {'E', "echo-hidden", false}, {'n', "no-readline", false},
		{'q', "quiet", false}, {'s', "single-step", false}, {'S', "single-line", false}, {'o', "output", true},
		{'A', "no-align", false}, {0, "csv", false}, {'F', "field-separator", true}, {'H', "html", false}, {'P', "pset", true}, {'R', "record-separator", true},
		{'t', "tuples-only", false}, {'T', "table-attr", true}, {'x', "expanded", false}, {'z', "field-separator-zero", false}, {'0', "record-separator-zero", false},
	}
}

// psqlArgs checks what is for psql, and gives it in a form that says the same in
// any order. Words without an option belong to the -c before them: psql would
// take them for a database and a user.
func psqlArgs(words []string) ([]string, error) {
	var args []string
	text := false // the last of args is the text of -c
	for len(words) > 0 {
		w := words[0]
		words = words[1:]
		var found []string
		var err error
		switch {
		case strings.HasPrefix(w, "--") && len(w) > 2:
			found, words, err = psqlLong(w, words)
		case strings.HasPrefix(w, "-") && len(w) > 1 && !(text && !isPsqlOption(w)):
			found, words, err = psqlShort(w, words)
		case text:
			args[len(args)-1] += " " + w
			continue
		default:
			return nil, fmt.Errorf("%q is not an option of psql: which database, and as whom, is the gateway's to know", clip(w))
		}
		if err != nil {
			return nil, err
		}
		args = append(args, found...)
		text = strings.HasPrefix(args[len(args)-1], "--command=")
	}
	return args, nil
}

// isPsqlOption reports whether a word may be one: it may also be an operator of SQL.
func isPsqlOption(w string) bool {
	return slices.ContainsFunc(psqlOptions(), func(o psqlOption) bool { return o.short == w[1] })
}

func psqlLong(w string, rest []string) (args, left []string, err error) {
	name, value, has := strings.Cut(w[2:], "=")
	i := slices.IndexFunc(psqlOptions(), func(o psqlOption) bool { return o.long == name })
	if i < 0 {
		return nil, nil, notForPsql("--" + name)
	}
	o := psqlOptions()[i]
	switch {
	case !o.value && has:
		return nil, nil, fmt.Errorf("option --%s of psql takes no value", name)
	case !o.value:
		return []string{"--" + name}, rest, nil
	case !has && len(rest) == 0:
		return nil, nil, fmt.Errorf("option --%s of psql needs a value", name)
	case !has:
		value, rest = rest[0], rest[1:]
	}
	return []string{"--" + name + "=" + value}, rest, nil
}

// psqlShort reads a word like -qAtc.
func psqlShort(w string, rest []string) (args, left []string, err error) {
	for i := 1; i < len(w); i++ {
		at := slices.IndexFunc(psqlOptions(), func(o psqlOption) bool { return o.short == w[i] })
		if at < 0 {
			return nil, nil, notForPsql("-" + w[i:i+1])
		}
		o := psqlOptions()[at]
		if !o.value {
			args = append(args, "--"+o.long)
			continue
		}
		value := w[i+1:]
		if value == "" {
			if len(rest) == 0 {
				return nil, nil, fmt.Errorf("option -%c of psql needs a value", o.short)
			}
			value, rest = rest[0], rest[1:]
		}
		return append(args, "--"+o.long+"="+value), rest, nil
	}
	return args, rest, nil
}

func notForPsql(flag string) error {
	var all []string
	for _, o := range psqlOptions() {
		if o.short != 0 {
			all = append(all, string([]byte{'-', o.short}))
		} else {
			all = append(all, "--"+o.long)
		}
	}
	return fmt.Errorf("option %s is not one that psql may be given here; those are %s", clip(flag), strings.Join(all, " "))
}
