package osh

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Option is one option of a command, as the tags of a request's field declare
// it:
//
//	Host string `opt:"host,h" arg:"HOST" pos:"true" required:"true" complete:"account" help:"…"`
//
// opt lists the names, the first being the one that is shown; a name of one
// letter is written with one dash. pos accepts a word without a name. The
// field is a bool, string, int, *int or []string (repeated).
type Option struct {
	Names      []string
	Arg        string // placeholder of the value; empty for a flag
	Positional bool
	Required   bool
	Complete   string // "account", "command", "group" or "host": what the value names
	Help       string
	index      []int
}

// Options returns the options of a request, in the order of its fields.
func Options(req any) []Option {
	var opts []Option
	part, _ := req.(partly)
	for _, f := range reflect.VisibleFields(reflect.TypeOf(req).Elem()) {
		names := f.Tag.Get("opt")
		if names == "" {
			continue
		}
		opts = append(opts, Option{
			Names:      strings.Split(names, ","),
			Arg:        f.Tag.Get("arg"),
			Positional: f.Tag.Get("pos") == "true",
			Required:   f.Tag.Get("required") == "true" && (part == nil || part.needs(strings.Split(names, ",")[0])),
			Complete:   f.Tag.Get("complete"),
			Help:       f.Tag.Get("help"),
			index:      f.Index,
		})
	}
	return opts
}

// Missing returns the first required option of req that has no value, written
// as on a line; empty when there is none.
func Missing(req any) string {
	v := reflect.ValueOf(req).Elem()
	for _, o := range Options(req) {
		if o.Required && v.FieldByIndex(o.index).IsZero() {
			return o.Flag()
		}
	}
	return ""
}

// partly is a request some of whose required options are not always.
type partly interface{ needs(option string) bool }

// Flag returns the option's first name as it is written.
func (o Option) Flag() string { return dashed(o.Names[0]) }

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// needsText reports whether an empty value is a mistake. A variable of a script
// that is not set must not give without end what was meant for an hour. Of
// options that have to be given, the monitor says that they are missing.
func (o Option) needsText() bool {
	switch o.Arg {
	case "", "TEXT", "USER", "PORT":
		return false
	}
	return !o.Required
}

func (o Option) matches(flag string) bool {
	for _, n := range o.Names {
		if dashed(n) == flag {
			return true
		}
	}
	return false
}

// set stores one value.
func (o Option) set(req any, value string) error {
	f := reflect.ValueOf(req).Elem().FieldByIndex(o.index)
	switch f.Interface().(type) {
	case bool:
		f.SetBool(true)
	case string:
		f.SetString(value)
	case []string:
		f.Set(reflect.Append(f, reflect.ValueOf(value)))
	case int, *int:
		n, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("option %s wants a number", o.Flag())
		}
		if f.Kind() == reflect.Pointer {
			f.Set(reflect.ValueOf(&n))
		} else {
			f.SetInt(int64(n))
		}
	default:
		panic("osh: request field of a type that no option can have: " + f.Type().String())
	}
	return nil
}

// find returns the option that flag names.
func find(opts []Option, flag string) (Option, bool) {
	for _, o := range opts {
		if o.matches(flag) {
			return o, true
		}
	}
	return Option{}, false
}

// splitFlag separates --name=value. Words that are no option give ok false.
func splitFlag(w string) (flag, value string, hasValue, ok bool) {
	if len(w) < 2 || w[0] != '-' || w == "--" {
		return "", "", false, false
	}
	if strings.HasPrefix(w, "--") {
		flag, value, hasValue = strings.Cut(w, "=")
		return flag, value, hasValue, true
	}
	return w, "", false, true
}

// ownArgs is a request that reads its words in a way of its own.
type ownArgs interface{ parseArgs(args []string) error }

// parseArgs fills req from the words of a command.
func parseArgs(req any, args []string) error {
	if own, ok := req.(ownArgs); ok {
		return own.parseArgs(args)
	}
	return parseOptions(req, args)
}

// parseOptions fills req from the words of a command.
func parseOptions(req any, args []string) error {
	opts := Options(req)
	var loose []string
	for len(args) > 0 {
		w := args[0]
		args = args[1:]
		if w == "--" {
			loose = append(loose, args...)
			break
		}
		flag, value, hasValue, ok := splitFlag(w)
		if !ok {
			loose = append(loose, w)
			continue
		}
		o, ok := find(opts, flag)
		switch {
		case !ok:
			return fmt.Errorf("unknown option %s%s", clip(flag), maybe(flag, flagNames(opts)))
		case o.Arg == "" && hasValue:
			return fmt.Errorf("option %s takes no value", flag)
		case o.Arg != "" && !hasValue:
			if len(args) == 0 {
				return fmt.Errorf("option %s needs a value", flag)
			}
			value, args = args[0], args[1:]
		}
		if value == "" && o.needsText() {
			return fmt.Errorf("option %s has an empty value", flag)
		}
		if err := o.set(req, value); err != nil {
			return err
		}
	}
	return setPositional(req, opts, loose)
}

// setPositional gives the words without a name to the options that take such,
// in order, skipping those that were named.
func setPositional(req any, opts []Option, words []string) error {
	v := reflect.ValueOf(req).Elem()
	for _, o := range opts {
		if len(words) == 0 {
			return nil
		}
		if !o.Positional || !v.FieldByIndex(o.index).IsZero() {
			continue
		}
		if err := o.set(req, words[0]); err != nil {
			return err
		}
		words = words[1:]
	}
	if len(words) > 0 {
		return fmt.Errorf("unexpected argument %q", clip(words[0]))
	}
	return nil
}

func flagNames(opts []Option) []string {
	var names []string
	for _, o := range opts {
		for _, n := range o.Names {
			names = append(names, dashed(n))
		}
	}
	return names
}
