package config_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"gateway/internal/config"
)

// samples parses every file of configs/; a new one needs a line here.
func TestSamples(t *testing.T) {
	parsers := map[string]func(*testing.T, string){
		"gateway.yaml":    sampleConfig,
		"gateway.service": sampleUnit,
		"logrotate.conf":  sampleLogrotate,
	}
	entries, err := os.ReadDir("../../configs")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "profiles" { // read by package profiles
			continue
		}
		text, err := os.ReadFile("../../configs/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		parse := parsers[e.Name()]
		if parse == nil {
			t.Errorf("nothing parses configs/%s", e.Name())
			continue
		}
		t.Run(e.Name(), func(t *testing.T) { parse(t, string(text)) })
	}
}

func sampleConfig(t *testing.T, text string) {
	if _, err := config.Load(strings.NewReader(text), nil); err != nil {
		t.Error(err)
	}
}

// sampleUnit knows the syntax of systemd.syntax(7) as far as we use it.
func sampleUnit(t *testing.T, text string) {
	line := regexp.MustCompile(`^(#.*|\[(Unit|Service|Install)\]|[A-Z][A-Za-z]+=[^ ].*)?$`)
	for l := range strings.Lines(text) {
		if !line.MatchString(strings.TrimSuffix(l, "\n")) {
			t.Errorf("not a line of a unit: %q", l)
		}
	}
	if !strings.Contains(text, "\nExecStart=/usr/local/bin/gateway serve --data /var/lib/gateway\n") {
		t.Error("it does not serve the data folder that the other samples name")
	}
}

func sampleLogrotate(t *testing.T, text string) {
	if !strings.Contains(text, "\n/var/lib/gateway/"+config.Default().AuditFile+" {\n") {
		t.Error("it does not rotate the default audit file")
	}
	if strings.Count(text, "{") != 1 || !strings.HasSuffix(text, "}\n") || strings.Count(text, "script\n") != 1 {
		t.Error("not a logrotate file")
	}
}
