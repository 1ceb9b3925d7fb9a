package config_test

import (
	"os"
	"strings"
	"testing"

	"gateway/internal/config"
)

// What the documentation says of a setting is what AtStartOnly says.
func TestAtStartOnly(t *testing.T) {
	text, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	following := 0
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, "| `")
		if !ok {
			continue
		}
		key, _, _ := strings.Cut(rest, "`")
		want := strings.Contains(line, "Taken up at start only") || following > 0
		following--
		if strings.Contains(line, "as the three that follow") {
			following = 3
		}
		if got := config.AtStartOnly(key); got != want {
			t.Errorf("AtStartOnly(%q) = %v, want %v", key, got, want)
		}
	}
}
