package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"gateway/internal/config"
	"gateway/internal/jail"
	"gateway/internal/programs"
)

// doctorCmd says what protects this node and what does not.
type doctorCmd struct {
	JSON bool `name:"json" help:"Print one JSON object a line."`
}

// finding is one line of the doctor's report.
type finding struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// Run prints the findings; the status is 1 when one of them is bad.
func (c *doctorCmd) Run(g *globals) error {
	findings := append(sandboxFindings(), psqlFinding(context.Background()))
	findings = append(findings, folderFindings(folder(g.Data))...)
	bad := false
	for _, f := range findings {
		bad = bad || !f.OK
		if c.JSON {
			if err := json.NewEncoder(os.Stdout).Encode(f); err != nil {
				return err
			}
			continue
		}
		mark := "ok  "
		if !f.OK {
			mark = "BAD "
		}
		fmt.Printf("%s %-28s %s\n", mark, f.What, f.Detail)
	}
	if bad {
		return exitError(1)
	}
	return nil
}

// sandboxReport has a session process confine itself and say what is in force.
func sandboxReport() (jail.Report, error) {
	var report jail.Report
	program, err := sessionProgram()
	if err != nil {
		return report, err
	}
	cmd := exec.Command(program, "report")
	cmd.Env = []string{}
	out, err := cmd.Output()
	if err != nil {
		return report, fmt.Errorf("start %s: %w", program, err)
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return report, fmt.Errorf("start %s: not its report: %w", program, err)
	}
	return report, nil
}

// sessionProgram is the program of session processes, beside this one.
func sessionProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find own program: %w", err)
	}
	return filepath.Join(filepath.Dir(self), "gateway-session"), nil
}

func sandboxFindings() []finding {
	report, err := sandboxReport()
	if err != nil {
		return []finding{{"sandbox of sessions", false, err.Error()}}
	}
	findings := []finding{
		{"no new privileges", report.NoNewPrivs, "a session can't gain rights by starting a program"},
		{"seccomp", report.Seccomp, "system calls of a session are filtered"},
		{"landlock", report.LandlockABI >= 4, fmt.Sprintf("ABI %d: files and network of a session are closed", report.LandlockABI)},
	}
	separate := os.Geteuid() == 0
	detail := "each session has a uid of its own"
	if !separate {
		detail = "sessions share your uid (run as root for one each); the sandbox is in force all the same"
	}
	return append(findings, finding{"uid of sessions", true, detail})
}

func folderFindings(f folder) []finding {
	if err := f.exists(); err != nil {
		return []finding{{"data folder", false, err.Error()}}
	}
	findings := []finding{modeFinding("data folder", string(f), 0o077)}
	for _, path := range []string{f.master(), f.sealKey(), f.store(), f.hostKey("ed25519")} {
		findings = append(findings, modeFinding(filepath.Base(path), path, 0o077))
	}
	conf, err := config.LoadFile(f.config(), knownCommands())
	findings = append(findings, finding{"gateway.yaml", err == nil, "valid"})
	if err != nil {
		findings[len(findings)-1].Detail = err.Error()
		return findings
	}
	unknown := strangers(f, conf)
	findings = append(findings, finding{"accounts in gateway.yaml", len(unknown) == 0, "all of them exist"})
	if len(unknown) > 0 {
		findings[len(findings)-1].Detail = strings.Join(unknown, "; ")
	}
	return append(findings, programFindings(f, conf)...)
}

// programFindings tells of the programs of the operators'.
func programFindings(f folder, conf *config.Config) []finding {
	data, err := filepath.Abs(string(f))
	if err != nil {
		return []finding{{"data folder", false, err.Error()}}
	}
	var findings []finding
	for _, p := range []struct {
		what, key string
		path      func(folder string) string
	}{
		{"activeness program", "accountExternalValidationProgram", conf.ActivenessProgram},
		{"database password program", "databasePasswordProgram", conf.PasswordProgram},
	} {
		path := p.path(data)
		if path == "" {
			continue
		}
		found := finding{p.what, true, "it can be run, and others can't change it"}
		if err := programs.Check(path); err != nil {
			found.OK, found.Detail = false, p.key+": "+err.Error()
		}
		findings = append(findings, found)
	}
	return findings
}

// modeFinding checks that others have none of the forbidden rights.
func modeFinding(what, path string, forbidden os.FileMode) finding {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return finding{what, false, "missing: " + path}
	case err != nil:
		return finding{what, false, err.Error()}
	case info.Mode().Perm()&forbidden != 0:
		return finding{what, false, fmt.Sprintf("%s is open to others (mode %04o)", path, info.Mode().Perm())}
	}
	return finding{what, true, "only its owner can read it"}
}
