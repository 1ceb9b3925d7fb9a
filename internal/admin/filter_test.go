package admin

import (
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
		o := osh.FilterOptions{Include: test.include, Exclude: test.exclude}
		if got := matches(o, test.text); got != test.want {
			t.Errorf("matches(%q, %q) = %v, want %v", o, test.text, got, test.want)
		}
	}
}
