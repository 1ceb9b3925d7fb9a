package osh

import (
	"strings"

	"gateway"
)

// String writes the line so that ParseLine reads the same back.
func (l Line) String() string {
	var words []string
	for _, o := range outerOptions() {
		if o.print != nil {
			if v, ok := o.print(l); ok && v == "" {
				words = append(words, o.names[0])
			} else if ok {
				words = append(words, o.names[0], quote(v))
			}
		}
	}
	switch {
	case l.Action == Connect && l.Protocol == gateway.Postgres:
		words = append(words, "--osh", DBName, "--name", quote(l.Host), "--")
		for _, a := range l.Args {
			words = append(words, quote(a))
		}
		return strings.Join(words, " ")
	}
	switch l.Action {
	case Interactive:
		words = append(words, "--interactive")
	case Run:
		words = append(words, "--osh", l.Command)
		for _, a := range l.Args {
			words = append(words, quote(a))
		}
	case Connect:
		words = append(words, "--host", quote(l.Host))
		if l.Remote != "" {
			words = append(words, "--", l.Remote)
		}
	}
	return strings.Join(words, " ")
}
