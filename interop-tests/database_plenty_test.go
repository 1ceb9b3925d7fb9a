package interop

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDatabasePsqlInPlenty starts as many psqls as an account may have, over many
// connections, and one more; all are gone when the account is frozen.
func TestDatabasePsqlInPlenty(t *testing.T) {
	t.Parallel()
	const most = 32
	d := newDatabases(t, "maxConnectionsPerSource=100")
	running := func() (n int) {
		for _, pid := range descendants(d.g.cmd.Process.Pid) {
			name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			if err != nil || strings.TrimSpace(string(name)) != "psql" {
				continue // it has ended
			}
			n++
			limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
			if err == nil && !strings.Contains(string(limits), "536870912") {
				t.Errorf("psql may take more memory:\n%s", limits)
			}
		}
		return n
	}
	await := func(want int) {
		t.Helper()
		d.check(eventually(func() error {
			if n := running(); n != want {
				return fmt.Errorf("%d psqls run, want %d", n, want)
			}
			return nil
		}))
	}
	var all []*client
	for range most {
		c := d.psql("", "-c 'select pg_sleep(600)'")
		d.check(c.Start())
		all = append(all, c)
	}
	await(most)
	c := d.psql("", "-c 'select 1'")
	if code, err := exitCode(c.Run()); err != nil || code == 0 || !strings.Contains(c.err.String(), "as many as an account may") {
		t.Errorf("one more exits with %d, %v: %s%s", code, err, c.out.String(), c.err.String())
	}
	_, err := d.g.osh("accountFreeze", "--account", "alice", "--reason", "test")
	d.check(err)
	await(0)
	for _, c := range all {
		if code, err := exitCode(c.Wait()); err != nil || code == 0 {
			t.Errorf("psql exits with %d, %v", code, err)
		}
	}
}
