package osh_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"gateway/internal/osh"
)

// styled runs a line for somebody who has a screen, or not.
func styled(t *testing.T, r osh.Result, screen bool, fanciness, raw string) string {
	t.Helper()
	line, err := osh.ParseLine(raw)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	env := osh.Env{In: strings.NewReader(""), Out: &out, Err: &out, Client: &monitor{result: r}, Account: "zoe", Name: "gw", Fanciness: fanciness}
	if screen {
		env.Terminal = new(osh.Terminal)
	}
	osh.Execute(t.Context(), env, line)
	return strings.ReplaceAll(out.String(), "\r\n", "\n")
}

func TestStyle(t *testing.T) {
	const over = "\nOVERRIDE: recorded."
	done := osh.OK("groupDelete", "OK", "Gone.\nGood bye."+over, nil)
	for _, tt := range []struct {
		name      string
		r         osh.Result
		fanciness string
		raw       string
		want      string
	}{
		{"full", done, "full", "--osh groupDelete --group web --no-confirm", "\x1b[32m✓ Gone.\x1b[0m\nGood bye.\n\x1b[1;33mOVERRIDE: recorded.\x1b[0m\n"},
		{"basic", done, "basic", "--osh groupDelete --group web --no-confirm", "\x1b[32mGone.\x1b[0m\nGood bye.\n\x1b[1;33mOVERRIDE: recorded.\x1b[0m\n"},
		{"none", done, "none", "--osh groupDelete --group web --no-confirm", "Gone.\nGood bye." + over + "\n"},
		{"not set", done, "", "--osh groupDelete --group web --no-confirm", "Gone.\nGood bye." + over + "\n"},
		{"quiet", done, "full", "-q --osh groupDelete --group web --no-confirm", "Gone.\nGood bye." + over + "\n"},
		{"failure", osh.Fail("nc", "KO_X", "No.", nil), "full", "--osh nc srv 22", "\x1b[31m✗ No.\x1b[0m\n"},
		{"quiet failure", osh.Fail("nc", "KO_X", "No.", nil), "full", "--osh nc srv 22 -q", "No.\n"},
		{"no change", osh.OK("nc", "OK_NO_CHANGE", "Nothing to do.", nil), "full", "--osh nc srv 22", "Nothing to do.\n"},
		{"heading", osh.OK("groupList", "OK", "OK", map[string]osh.GroupFlags{"web": {Flags: []string{"owner"}}}), "full", "--osh groupList",
			"\x1b[1mGROUP  ROLES\x1b[0m\nweb    owner\n"},
		{"forged", osh.OK("nc", "OK", "a\x1b[31mb", nil), "full", "--osh nc srv 22", "\x1b[32m✓ a\\x1b[31mb\x1b[0m\n"},
		{"unknown option", done, "full", "--osh nc --srv", "\x1b[31m✗ unknown option --srv; --osh nc --help shows the options\x1b[0m\n"},
	} {
		if got := styled(t, tt.r, true, tt.fanciness, tt.raw); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if got := styled(t, tt.r, false, tt.fanciness, tt.raw); strings.ContainsAny(got, "\x1b✓✗") {
			t.Errorf("%s, through a pipe: %q", tt.name, got)
		}
	}
	// JSON stays what it is, also on a terminal.
	got := styled(t, done, true, "full", "--osh groupDelete --group web --no-confirm --json-greppable")
	_, body, _ := strings.Cut(got, "JSON_OUTPUT=")
	var v osh.Result
	if err := json.Unmarshal([]byte(body), &v); err != nil || v.Message != done.Message {
		t.Errorf("JSON on a terminal: %q, %v", got, err)
	}
}

// Colours change nothing of what is there to be read.
func TestStyleAddsColoursOnly(t *testing.T) {
	r := osh.OK("help", "OK", "OK", osh.HelpValue{Allowed: []string{"info", "groupList", "accountList", "groupAddServer", "groupAddOwner"}})
	for _, raw := range []string{"--osh help", "--help", "--osh info --long-help", "--osh help groupAddServer"} {
		plain, coloured := styled(t, r, true, "none", raw), styled(t, r, true, "basic", raw)
		if got := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(coloured, ""); got != plain {
			t.Errorf("%s: %q, want %q", raw, got, plain)
		}
		if raw != "--help" && plain == coloured {
			t.Errorf("%s: nothing stands out", raw)
		}
	}
}
