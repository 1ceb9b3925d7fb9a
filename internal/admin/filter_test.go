package admin

import (
	"strings"
	"testing"

	"gateway/internal/osh"
)

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		include, exclude []string
		text             string
		want             bool
	}{
		{nil, nil, "anything", true},
		{[]string{"web"}, nil, "my-web-1", true},
		{[]string{"web*"}, nil, "my-web-1", false},
		{[]string{"*web?1"}, nil, "my-web-1", true},
		{[]string{"192.0.2.*"}, nil, "192.0.2.0/24", true},
		{[]string{"[a-z]*"}, nil, "abc", false}, // no classes
		{[]string{`\*`}, nil, `\x`, true},
		{[]string{"web", "db"}, nil, "db1", true},
		{[]string{"web"}, []string{"web1"}, "web1", false},
		{nil, []string{"*"}, "web1", false},
	} {
		f := filter{FilterOptions: osh.FilterOptions{Include: test.include, Exclude: test.exclude}}
		if got := f.matches(test.text); got != test.want {
			t.Errorf("matches(%+v, %q) = %v, want %v", f.FilterOptions, test.text, got, test.want)
		}
	}
}

func TestPages(t *testing.T) {
	entries := []string{"a1", "b1", "a2", "a3", "a4"}
	for _, test := range []struct {
		o    osh.FilterOptions
		want string
		note string
	}{
		{osh.FilterOptions{}, "a1 b1 a2 a3 a4", ""},
		{osh.FilterOptions{Limit: 2}, "a1 b1", " (2 of 5; --offset 2 goes on)"},
		{osh.FilterOptions{Limit: 2, Offset: 2}, "a2 a3", " (2 of 5; --offset 4 goes on)"},
		{osh.FilterOptions{Limit: 2, Offset: 4}, "a4", ""},
		{osh.FilterOptions{Offset: 9}, "", ""},
		{osh.FilterOptions{Include: []string{"a"}, Limit: 2, Offset: 1}, "a2 a3", " (2 of 4; --offset 3 goes on)"},
	} {
		f := filter{FilterOptions: test.o}
		var got []string
		for _, e := range entries {
			if f.take(e) {
				got = append(got, e)
			}
		}
		if strings.Join(got, " ") != test.want || f.note() != test.note {
			t.Errorf("%+v: %v%s, want %s%s", test.o, got, f.note(), test.want, test.note)
		}
	}
}
