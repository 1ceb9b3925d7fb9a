package admin

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/internal/osh"
)

func TestCheckGroupName(t *testing.T) {
	for name, want := range map[string]error{
		"web": nil, "Web-1.x_y": nil, strings.Repeat("g", 18): nil,
		"": errName, strings.Repeat("g", 19): errName, "-web": errName, ".web": errName, "we b": errName, "wéb": errName, "a/b": errName,
		"keyweb": errForbidden, "webkeeper": errForbidden, "webowner": errForbidden, "web-tty": errForbidden,
	} {
		if got := checkGroupName(name); !errors.Is(got, want) {
			t.Errorf("checkGroupName(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestParseTTL(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"1": time.Second, "3600": time.Hour, "1d7h8m": 31*time.Hour + 8*time.Minute, "2w": 14 * 24 * time.Hour, "1y": 365 * 24 * time.Hour,
		"90s": 90 * time.Second, "1m30": 90 * time.Second,
		"": 0, "0": 0, "0s": 0, "h": 0, "1x": 0, "-1": 0, "+1": 0, "1 d": 0, "1.5h": 0, "999999999999999999999": 0, "101y": 0,
		"99y99y": 0, "1dd": 0, "é": 0, "1é": 0,
	} {
		got, err := parseTTL(s)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("parseTTL(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
}

func TestAccessText(t *testing.T) {
	for want, a := range map[string]gateway.Access{
		"root@192.0.2.7:22":     {User: "root", Prefix: netip.MustParsePrefix("192.0.2.7/32"), Port: 22},
		"*@192.0.2.0/24:*":      {Prefix: netip.MustParsePrefix("192.0.2.0/24")},
		"*@[2001:db8::1]:22":    {Prefix: netip.MustParsePrefix("2001:db8::1/128"), Port: 22},
		"a?@[2001:db8::/32]:22": {User: "a?", Prefix: netip.MustParsePrefix("2001:db8::/32"), Port: 22},
	} {
		if got := accessText(a); got != want {
			t.Errorf("accessText = %q, want %q", got, want)
		}
	}
}

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
