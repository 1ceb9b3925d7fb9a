package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/creack/pty"
)

// prompt measures from the start of the client to psql's prompt: psql here,
// psql that a plain sshd starts, and psql in the gateway's jail.
func (b *bench) prompt(d *databases) error {
	took := map[string][]float64{}
	here := b.client(d, "direct", true, "psql", "-X")
	there := strings.Join(append(here.Env, here.Args...), " ")
	for range b.sizes.firstByte {
		for _, r := range b.routes {
			var cmd *exec.Cmd
			switch r.name {
			case "direct":
				cmd = b.client(d, r.name, true, "psql", "-X")
			case "gateway":
				cmd = b.command("ssh", "-F", b.path("config"), "-tt", "gateway", "--", "--osh", "db", "--name", withTLS)
			default:
				cmd = b.command("ssh", "-F", b.path("config"), "-tt", "hop", there)
			}
			ms, err := untilPrompt(cmd)
			if err != nil {
				return fmt.Errorf("prompt, route %s: %w", r.name, err)
			}
			took[r.name] = append(took[r.name], ms)
		}
	}
	ms := medians(took)
	b.table.add("first prompt of psql, p50", "ms", ms, target{})
	b.table.add("that, more than direct", "ms", map[string]float64{"jump": ms["jump"] - ms["direct"], "gateway": ms["gateway"] - ms["direct"]}, atMost(150))
	return nil
}

// untilPrompt runs psql in a terminal until it asks, and then ends it.
func untilPrompt(cmd *exec.Cmd) (ms float64, err error) {
	start := time.Now()
	cmd.Stderr = nil // the terminal
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 120})
	if err != nil {
		return 0, err
	}
	defer tty.Close()
	late := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	var said []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(said, []byte("=> ")) {
		n, err := tty.Read(buf)
		if said = append(said, buf[:n]...); err != nil {
			return 0, fmt.Errorf("no prompt, but %q: %w", said, errors.Join(err, cmd.Wait()))
		}
	}
	ms = milliseconds(time.Since(start))
	if _, err := io.WriteString(tty, "\\q\n"); err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, tty) // until the other end is closed, which is an error here
	return ms, cmd.Wait()
}
